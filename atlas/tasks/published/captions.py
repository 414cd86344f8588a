"""Pictures with captions: Flickr30k (Young et al., 2014, TACL 2) and COCO (Chen et al., 2015, arXiv:1504.00325).

Splits are Karpathy's (2015, arXiv:1412.2306), which all figures of recall at k are published on. Any captions in his
format are a task by `caption_task`.
"""

from __future__ import annotations

from collections.abc import Sequence

from atlas.tasks.reading.karpathy import CaptionReader
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.task import CaptionScoring, Task, TextScoring

PROMPT = "write a caption for the picture ."
OBTAIN = "Get Karpathy's split files from https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
FLICKR_FILE, COCO_FILE = "dataset_flickr30k.json", "dataset_coco.json"
FLICKR_IMAGES = ("flickr30k-images/", "flickr30k_images/", "images/")
COCO_IMAGES = (("train2014/", "images/train2014/"), ("val2014/", "images/val2014/"))


def caption_task(
    name: str,
    *,
    file: str,
    images: Sequence[str] = ("images/",),
    score: CaptionScoring | TextScoring = "recall@5",
    title: str = "",
    about: str = "Which captions are of which picture?",
    licence: str = "as its owner says",
    obtain: str = "",
    prompt: str = PROMPT,
    version: int = 1,
) -> Task:
    """The task of a split file in Karpathy's format, and of a folder of images beside it, any one of `images`.

    score: by `recall@k` (the mean of both ways), `image-to-text@k` or `text-to-image@k`, k 1, 5 or 10, captions are
    told from those of other pictures; by a score of texts, `cider` or `bleu`, a model writes them, asked by `prompt`.
    """
    layout = Layout(
        needs=(Needed(paths=(file,)), Needed(paths=tuple(images))),
        obtain=obtain or f"Put {file} beside the folder of its images, {' or '.join(images)}.",
    )
    reader = CaptionReader(task=name, file=file, layout=layout, roots=(*images, ""), prompt=prompt)
    return _task(reader, score=score, title=title or name, about=about, licence=licence, version=version)


def _task(
    reader: CaptionReader,
    *,
    score: CaptionScoring | TextScoring,
    title: str,
    about: str,
    licence: str,
    version: int = 1,
    published: tuple[tuple[str, int], ...] = (),
) -> Task:
    return Task(
        name=reader.task,
        title=title,
        modality="vision-language",
        score=score,
        chance=0.0,
        licence=licence,
        about=about,
        version=version,
        read=reader.read,
        sources=reader.sources,
        layout=reader.layout,
        published=published,
        split_note=f"train, val and test are those of {reader.file}; what it calls restval is trained on.",
    )


FLICKR30K = _task(
    CaptionReader(
        task="flickr30k",
        file=FLICKR_FILE,
        layout=Layout(
            needs=(Needed(paths=(FLICKR_FILE,)), Needed(paths=FLICKR_IMAGES)),
            obtain=f"{OBTAIN}, and the images from https://shannon.cs.illinois.edu/DenotationGraph/.",
        ),
        roots=(*FLICKR_IMAGES, ""),
        prompt=PROMPT,
    ),
    score="recall@1",
    title="Flickr30k",
    about="Which of five captions a picture are its own? 31,014 photos of people, 1,000 of them for reporting.",
    licence="Research and education alone (Flickr30k); its images belong to their owners, under Flickr's terms",
    published=(("train", 29_000), ("val", 1_014), ("test", 1_000)),
)
COCO_CAPTIONS = _task(
    CaptionReader(
        task="coco-captions",
        file=COCO_FILE,
        layout=Layout(
            needs=(Needed(paths=(COCO_FILE,)), *(Needed(paths=paths) for paths in COCO_IMAGES)),
            obtain=f"{OBTAIN}, and COCO's images of 2014 from https://cocodataset.org.",
        ),
        roots=("", "images/"),
        prompt=PROMPT,
    ),
    score="recall@1",
    title="COCO captions",
    about="Which of five captions a picture are its own? 123,287 photos, 5,000 of them for reporting.",
    licence="CC BY 4.0 (captions); COCO's images belong to their owners, under Flickr's terms",
    published=(("train", 113_287), ("val", 5_000), ("test", 5_000)),
)
CAPTIONS: dict[str, Task] = {task.name: task for task in (FLICKR30K, COCO_CAPTIONS)}
