"""VQA v2: open questions about COCO's images (Goyal et al., 2017, arXiv:1612.00837)

The test labels are secret: the published validation questions are `test`, and a twentieth of the training images, with
all their questions, is `val`. A question finds its answers by its id: the two files need not have the same order.

A class is an answer that is the commonest one (`multiple_choice_answer`) of at least 9 training questions; the 3,129
that are often cited count the validation questions too, which are for reporting here. An answer given by 0, 1, 2, 3 or
more of the ten people scores 0, .3, .6, .9 or 1; answers are compared as in the official evaluation.
A question with no answer among the classes has no target: it is skipped in `train`, and scores 0 in `val` and `test`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import UserError
from atlas.tasks.reading import files
from atlas.tasks.reading.answers import normalise
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.records import text_of, unseen
from atlas.tasks.reading.splits import deal_published, published
from atlas.tasks.sample import Broken, Record, Skipped
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

VAL = 0.05  # of the training images
LEAST = 9  # training questions an answer must be the commonest of
SCORES = (0.0, 0.3, 0.6, 0.9, 1.0)  # by the number of people, the last for 4 and more
QUESTIONS = "v2_OpenEnded_mscoco_{}2014_questions.json"
ANNOTATIONS = "v2_mscoco_{}2014_annotations.json"
PARTS = ("train", "val")
FILES = tuple(name.format(part) for part in PARTS for name in (QUESTIONS, ANNOTATIONS))
LAYOUT = Layout(
    needs=(
        *(Needed(paths=(name,)) for name in FILES),
        *(Needed(paths=(f"{part}2014/", f"images/{part}2014/", "images/")) for part in PARTS),
    ),
    obtain="Get questions, annotations and COCO's images of VQA v2 from https://visualqa.org/download.html.",
)


def vocabulary(source: Path) -> tuple[str, ...]:
    """The classes, in alphabetical order. Raises UserError where no answer is frequent enough."""
    path = source / ANNOTATIONS.format("train")
    state = path.stat()
    return frequent(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def frequent(path: Path, changed: int, size: int) -> tuple[str, ...]:
    """The frequent answers of a file of annotations, counted once as long as it does not change."""
    counts: Counter[str] = Counter()
    for _, values in files.json_items(path, "annotations"):
        answer = None if isinstance(values, Broken) else values.get("multiple_choice_answer")
        if isinstance(answer, str):
            counts[normalise(answer)] += 1
    answers = sorted(answer for answer, count in counts.items() if answer and count >= LEAST)
    if not answers:
        raise UserError(f"{path}: no 'multiple_choice_answer' is that of {LEAST} questions, so there is no class.")
    return tuple(answers)


def questions_of(path: Path) -> tuple[dict[int, str], str]:
    """The texts of a file's questions by their ids, and the error of the first that cannot be read ("" if none).

    Raises UserError where none can be read.
    """
    found, wrong = {}, ""
    for where, values in files.json_items(path, "questions"):
        try:
            if isinstance(values, Broken):
                raise Unreadable(values.reason)
            found[files.field(values, "question_id", int)] = text_of(values, "question")
        except Unreadable as error:
            wrong = wrong or f"{where}: {error}"
    if not found:
        raise UserError(f"{path}: no question can be read. {wrong}")
    return found, wrong


@dataclass(frozen=True, kw_only=True)
class VqaPart:
    """One published part, with the data that its annotations are joined with.

    questions: id -> text. wrong: why a question may be missing. images: the folder. classes: answer -> its place.
    keep: whether questions without any class are kept. seen: the ids of the records made so far.
    """

    name: str
    questions: Mapping[int, str]
    wrong: str
    images: Path
    classes: Mapping[str, int]
    keep: bool
    seen: set[str] = field(default_factory=set)

    def record(self, where: str, values: Mapping[str, JsonValue]) -> Record | Skipped:
        """One question with its image and scores. Raises Unreadable for a field, question or image that is none."""
        number = files.field(values, "question_id", int)
        files.field(values, "multiple_choice_answer")
        if number not in self.questions:
            raise Unreadable(f"there is no question {number}. {self.wrong}".strip())
        name = unseen(str(number), self.seen)
        label = self.scores(files.field(values, "answers", list))
        if not label and not self.keep:
            return Skipped(where=where, reason="none of its answers is a class")
        image = f"COCO_{self.name}2014_{int(image_of(values)):012d}.jpg"
        picture = files.picture(self.images, image)
        return Record(id=name, pictures=(picture,), texts=(self.questions[number],), label=label)

    def scores(self, given: list[Any]) -> tuple[tuple[int, float], ...]:
        """Classes and their scores, from what ten people answered. Raises Unreadable where they did not."""
        if not given:
            raise Unreadable("the list 'answers' is empty")
        people = [normalise(files.field(one if isinstance(one, dict) else {}, "answer")) for one in given]
        counts = Counter(answer for answer in people if answer in self.classes)
        return tuple(sorted((self.classes[one], SCORES[min(count, 4)]) for one, count in counts.items()))


def image_of(values: Mapping[str, JsonValue]) -> str:
    """The image's number, which decides the split. Raises Unreadable where there is none."""
    number: int = files.field(values, "image_id", int)
    if number < 0:
        raise Unreadable(f"the field 'image_id' is {number}")
    return str(number)


def read_questions(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The questions of a split, in the order of their annotations. Raises UserError where a file is unusable."""
    name, folder = published(split, *PARTS), files.given(source)
    LAYOUT.check("vqa", folder)
    questions, wrong = questions_of(folder / QUESTIONS.format(name))
    part = VqaPart(
        name=name,
        questions=questions,
        wrong=wrong,
        images=LAYOUT.path(folder, f"{name}2014/"),
        classes={answer: place for place, answer in enumerate(vocabulary(folder))},
        keep=split != "train",
    )
    lines = files.json_items(folder / ANNOTATIONS.format(name), "annotations")
    yield from deal_published(split, "vqa", lines, val=VAL, key=image_of, record=part.record)


def question_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of the four files."""
    return {name: files.digest(files.given(source) / name) for name in FILES}


VQA = Task(
    name="vqa",
    title="VQA v2",
    modality="vision-language",
    score="soft",
    chance=0.0,
    licence="Questions and answers CC BY 4.0 (VQA v2); COCO's images belong to their owners, under Flickr's terms",
    about="An open question about a photo, answered by ten people: 443,757 training questions, 214,354 for reporting.",
    version=1,
    read=read_questions,
    sources=question_sources,
    layout=LAYOUT,
    answers_of=vocabulary,
    published=(("train+val", 443_757), ("test", 214_354)),
    split_note="val is a seeded 5 % of the training images with all their questions; test is the public val2014.",
)
