"""UCIT: six tasks of instructions that LLaVA was not trained on (Guo et al., 2025, arXiv:2503.12941).

Questions are scored by exact match without case. Captions are published as BLEU, METEOR, ROUGE-L and CIDEr, of
predictions that are matched with images by their place; METEOR needs Java and is not here. A task has one score,
CIDEr-D as 0 to 100 (`cider`); the others are had of a file of predictions by `python -m atlas.tasks.scoring`.
"""

from __future__ import annotations

from atlas.tasks.published.instructions import Instructions, ReferenceFile, instruction_task
from atlas.tasks.reading.llava import captions_by_place
from atlas.tasks.task import Task, TextScoring

OBTAIN = (
    "Get the instructions of UCIT from https://huggingface.co/datasets/HaiyangGuo/UCIT and the images as "
    "https://github.com/Ghy0501/HiDe-LLaVA lays them out, all under one folder."
)
LICENCE = "The instructions are for research (UCIT); images and questions are under the terms of each data set"
TEST = ("test_3000.json", "test.json")
CAPTIONS = ReferenceFile(names=("val_coco_type_3000.json",), read=captions_by_place)


def _files(
    name: str, *folders: str, scored: TextScoring = "exact-upper", train: str = "train.json", images: str = ""
) -> Instructions:
    return Instructions(
        name=f"ucit-{name}",
        title=folders[0],
        folders=folders,
        scored=scored,
        train=tuple(dict.fromkeys((train, "train.json"))),
        test=TEST,
        images=(images or folders[0],),
        references=CAPTIONS if scored == "cider" else None,
    )


FILES = (
    _files("imagenet-r", "ImageNet-R"),
    _files("arxivqa", "ArxivQA", train="train_4w.json"),
    _files("vizwiz-caption", "VizWiz", "VizWiz-caption", scored="cider"),
    _files("iconqa", "IconQA"),
    _files("clevr-math", "CLEVR", "CLEVR-Math", train="train_4w.json"),
    _files("flickr30k", "Flickr30k", "Flickr30k-cap", scored="cider", train="train_brief_4w.json"),
)
UCIT: dict[str, Task] = {
    one.name: instruction_task(one, benchmark="UCIT", obtain=OBTAIN, licence=LICENCE) for one in FILES
}
