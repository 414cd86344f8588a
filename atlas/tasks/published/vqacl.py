"""VQACL: VQA v2's questions by ten types, one after another (Zhang et al., 2023, CVPR)

Its authors publish the questions of each type, by their map from questions to types, in Karpathy's splits: a JSON list
a split, with the ten people's answers. A class of a type is an answer that is the commonest one of at least 9 of its
training questions; scores, answers and questions without a class are as in `vqa`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import UserError, unknown
from atlas.tasks.published.vqa import LEAST, SCORES
from atlas.tasks.reading import files
from atlas.tasks.reading.answers import normalise
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.kept import kept
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.records import text_of, unseen
from atlas.tasks.reading.splits import deal, held_out
from atlas.tasks.sample import SPLITS, Broken, Record, Skipped
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

VAL = 0.05  # of the training images, where the release at hand has no `val`
FOLDER = "Partition_Q/"
LIST = "karpathy_{}_q_{}.json"  # split, type
PARTS = ("train2014", "val2014")  # of COCO's images
FOLDERS = ("", "images/", "COCO/", "COCO/images/")
TYPES = {  # as published, in the published order
    "recognition": "What is it?",
    "location": "Where is it?",
    "judge": "Is it so?",
    "commonsense": "Can or would it?",
    "count": "How many are there?",
    "action": "What is being done?",
    "color": "Which colour is it?",
    "type": "Which type is it?",
    "subcategory": "Which kind within a category is it?",
    "causal": "Why is it so?",
}


def list_paths(split: str, kind: str) -> tuple[str, ...]:
    """The paths of a list: in the folder of the partition, or beside the images."""
    name = LIST.format(split, kind)
    return f"{FOLDER}{name}", name


def people(values: Mapping[str, JsonValue]) -> list[str]:
    """What ten people answered. Raises Unreadable where they did not."""
    given: list[Any] = files.field(values, "answers", list)
    if not given:
        raise Unreadable("the list 'answers' is empty")
    return [normalise(files.field(one if isinstance(one, dict) else {}, "answer")) for one in given]


@kept
def frequent(path: Path) -> tuple[str, ...]:
    """The classes of a training list, in alphabetical order. Raises UserError where no answer is frequent enough."""
    counts: Counter[str] = Counter()
    for _, values in files.json_items(path, ""):
        try:
            said = Counter([] if isinstance(values, Broken) else people(values))
        except Unreadable:
            continue  # told as a broken record when it is read
        if said:
            counts[min(said, key=lambda answer: (-said[answer], answer))] += 1
    answers = sorted(answer for answer, count in counts.items() if answer and count >= LEAST)
    if not answers:
        raise UserError(f"{path}: no answer is the commonest one of {LEAST} questions, so there is no class.")
    return tuple(answers)


@dataclass(frozen=True, kw_only=True)
class QuestionType:
    """The questions of one type."""

    kind: str
    layout: Layout

    def classes(self, source: Path) -> tuple[str, ...]:
        """The classes, in alphabetical order. Raises UserError where there is none."""
        return frequent(self.layout.path(source, list_paths("train", self.kind)[0]))

    def read(self, split: str, source: Path | None) -> Iterator[Record | Broken]:
        """The questions of a split, in the order of their list. Raises UserError where a file is unusable."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        folder = files.given(source)
        self.layout.check(f"vqacl-{self.kind}", folder)
        path, held = self._list(split, folder)
        classes = {answer: place for place, answer in enumerate(self.classes(folder))}
        reader = QuestionReader(source=folder, layout=self.layout, classes=classes, keep=split != "train")
        yield from deal(
            files.json_items(path, ""),
            key=lambda values: files.field(values, "img_id"),
            record=reader.record,
            mine=lambda image: held is None or held_out("vqacl", image, VAL) == held,
        )

    def sources(self, source: Path | None) -> Mapping[str, str]:
        """The digests of the lists."""
        folder = files.given(source)
        val = Needed(paths=list_paths("val", self.kind)).found(folder)
        return dict(self.layout.digests(folder)) | ({val.name: files.digest(val)} if val else {})

    def _list(self, split: str, source: Path) -> tuple[Path, bool | None]:
        """The list of a split, and whether the images held out for `val` are taken, or the others; None takes all."""
        found = Needed(paths=list_paths(split, self.kind)).found(source)
        has_val = Needed(paths=list_paths("val", self.kind)).found(source) is not None
        if found is not None and (has_val or split == "test"):
            return found, None
        return self.layout.path(source, list_paths("train", self.kind)[0]), split == "val"


@dataclass(frozen=True, kw_only=True)
class QuestionReader:
    """Makes records of a list's entries. keep: whether questions without any class are kept."""

    source: Path
    layout: Layout
    classes: Mapping[str, int]
    keep: bool
    seen: set[str] = field(default_factory=set)

    def record(self, where: str, values: Mapping[str, JsonValue]) -> Record | Skipped:
        """One question with its image and scores. Raises Unreadable for a field, question or image that is none."""
        name = unseen(str(files.field(values, "question_id", int)), self.seen)
        counts = Counter(answer for answer in people(values) if answer in self.classes)
        label = tuple(sorted((self.classes[one], SCORES[min(count, 4)]) for one, count in counts.items()))
        if not label and not self.keep:
            return Skipped(where=where, reason="none of its answers is a class")
        image = files.field(values, "img_id")
        picture = files.picture(self._folder(image), f"{image}.jpg")
        return Record(id=name, pictures=(picture,), texts=(text_of(values, "sent"),), label=label)

    def _folder(self, image: str) -> Path:
        """The folder of an image: COCO's part is in its name. Raises Unreadable where it names none."""
        part = next((part for part in PARTS if f"_{part}_" in image), None)
        if part is None:
            raise Unreadable(f"the image {image!r:.60} is of neither {' nor '.join(PARTS)}")
        return self.layout.path(self.source, f"{part}/")


def question_task(kind: str, asks: str) -> Task:
    """The task of one type of questions."""
    layout = Layout(
        needs=(
            *(Needed(paths=list_paths(split, kind)) for split in ("train", "test")),
            *(Needed(paths=tuple(f"{folder}{part}/" for folder in FOLDERS)) for part in PARTS),
        ),
        obtain="Get the partition of VQA v2 (Partition_Q) from https://github.com/zhangxi1997/VQACL and COCO's images.",
    )
    questions = QuestionType(kind=kind, layout=layout)
    return Task(
        name=f"vqacl-{kind}",
        title=f"VQACL: {kind}",
        modality="vision-language",
        score="soft",
        chance=0.0,
        licence="Questions and answers CC BY 4.0 (VQA v2); COCO's images belong to their owners, under Flickr's terms",
        about=f"{asks} Questions of VQA v2 of the type `{kind}`, answered by ten people.",
        version=1,
        read=questions.read,
        sources=questions.sources,
        layout=layout,
        answers_of=questions.classes,
        split_note=f"Karpathy's train, val and test; without a file of val, a seeded {VAL:.0%} of the training images.",
    )


VQACL: dict[str, Task] = {task.name: task for kind, asks in TYPES.items() for task in (question_task(kind, asks),)}
