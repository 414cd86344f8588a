"""A task: a dataset, the shape of its records, its scoring and its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.sample import Broken, Record
from atlas.tasks.scoring import BOX_SCORES, RECALL_SCORES, TEXT_SCORES

if TYPE_CHECKING:
    from pathlib import Path

    from atlas.tasks.reading.layout import Layout


Modality = Literal["vision-language", "vision", "language"]
ClassScoring = Literal["accuracy", "soft"]
TextScoring = Literal[
    "exact",
    "exact-upper",
    "exact-lower",
    "exact-gqa",
    "exact-answerable",
    "letter",
    "contains",
    "contains-lower",
    "contains-line",
    "contains-letters",
    "contains-answerable",
    "contains-either",
    "vqa",
    "anls",
    "anls-trigap",
    "rouge-l",
    "bleu",
    "cider",
    "iou",
    "iou-coin",
]
CaptionScoring = Literal[
    "recall@1",
    "recall@5",
    "recall@10",
    "image-to-text@1",
    "image-to-text@5",
    "image-to-text@10",
    "text-to-image@1",
    "text-to-image@5",
    "text-to-image@10",
]
Scoring = ClassScoring | TextScoring | CaptionScoring
AnswerKind = Literal["classes", "choices", "soft", "texts", "box", "captions"]
REFERENCED: tuple[AnswerKind, ...] = ("texts", "box", "captions")  # a record has texts that are right, and no label
Role = Literal["upstream", "downstream"]


def answer_kind(score: str, choices: int) -> AnswerKind:
    """The kind of a task's answers: a class, one of a record's texts, a class by soft scores, a free text, a box, or
    captions that are told from those of other pictures.
    """
    if score in RECALL_SCORES:
        return "captions"
    if score in TEXT_SCORES:
        return "box" if score in BOX_SCORES else "texts"
    if choices > 1:
        return "choices"
    return "soft" if score == "soft" else "classes"


def kind_in_words(kind: AnswerKind, *, classes: int, choices: int) -> str:
    """`3 classes`, `4 choices`, `free texts`, `a box as a text`, `captions among those of all pictures`; without their
    number where it is not known (0).
    """
    named = {"texts": "free texts", "box": "a box as a text", "captions": "captions among those of all pictures"}
    if kind in named:
        return named[kind]
    known = counted(classes, "class") if classes else "classes known to its source"
    return f"{choices or ''} choices".lstrip() if kind == "choices" else known


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset and the question asked of it.

    answers: the class names; () for multiple choice, free texts and captions. choices: texts a record. images: pictures
    a record. score: a name of `atlas.learners.scores`, of TEXT_SCORES where answers are free texts or a box as a text,
    or of RECALL_SCORES where captions and pictures find each other.
    chance: the score of guessing, in percent; of captions it is counted when they are prepared. version: raised by hand
    when the reader's output changes.
    read: (split, source folder or None) -> the records, labels mixed, in an order that never changes; records that
    cannot be read as `Broken`, those left out by rule as `Skipped`, so that `prepare` counts them.
    sources: source folder or None -> the versions that decide the content (file name -> sha256, package -> version).
    role: one of a sequence (`upstream`), or trained from few samples afterwards (`downstream`).
    layout: the published files that the task needs, unless its data comes with a package.
    answers_of: source folder -> the class names, where only the source knows them (see `at`).
    published: the records that each published file has, by the splits that come from it: ("train+val", 9741).
    alike: patterns of the source files that may be the same to the byte, such as lists of labels; others are refused.
    obtain: a sentence on where the task's files are had, for messages, where no layout says it.
    templates: sentences that a class's name is put into, "a photo of a {}.", for readouts that compare pictures with
    names; their mean is taken.
    split_note: the origin of each split, for the data card: the published split, or the rule by which it was cut.

    A language-only task yields `pictures=()`, for which `prepare` stores one constant mean-colour image; a
    vision-only task yields `texts=(NO_TEXT,)`.
    """

    name: str
    title: str
    modality: Modality
    answers: tuple[str, ...] = ()
    choices: int = 1
    images: int = 1
    score: Scoring = "accuracy"
    chance: float
    licence: str
    about: str
    version: int
    read: Callable[[str, Path | None], Iterator[Record | Broken]]
    sources: Callable[[Path | None], Mapping[str, str]]
    role: Role = "upstream"
    layout: Layout | None = None
    answers_of: Callable[[Path], tuple[str, ...]] | None = None
    published: tuple[tuple[str, int], ...] = ()
    alike: tuple[str, ...] = ()
    obtain: str = ""
    templates: tuple[str, ...] = ()
    split_note: str = ""

    @property
    def had_from(self) -> str:
        """A sentence on where the task's files are had; "" where it does not say."""
        return self.obtain or (self.layout.obtain if self.layout else "")

    @property
    def answer_kind(self) -> AnswerKind:
        """The kind of its answers, which decides the readouts that can give them."""
        return answer_kind(self.score, self.choices)

    @property
    def has_references(self) -> bool:
        """Whether its answers are texts of their own, so that its records have references instead of labels."""
        return self.answer_kind in REFERENCED

    @property
    def is_named_picture(self) -> bool:
        """Whether a record is a picture alone, and its answer one class: its name can be told from any other name."""
        return self.modality == "vision" and self.answer_kind == "classes"

    @property
    def classes(self) -> int:
        """The number of values that a label can take; 0 where answers are texts of their own."""
        return self.choices if self.choices > 1 else len(self.answers)

    @property
    def outputs(self) -> int:
        """The number of logits of the head: one a choice where texts compete, else one a class."""
        return 1 if self.choices > 1 else len(self.answers)

    def at(self, source: Path | None) -> Task:
        """The task as `source` has it: its layout is checked, and answers that only the source knows are filled in.

        Raises:
            UserError: no source for a task that needs one, or one where files are missing.
        """
        if self.layout is None:
            return self
        if source is None:
            raise UserError(f"{self.name} needs its published files. {self.had_from} Then name their folder.")
        self.layout.check(self.name, source)
        if self.answers_of is None:
            return self
        answers = self.answers_of(source)
        chance = self.chance if self.score == "soft" else 100 / len(answers)
        return replace(self, answers=answers, chance=chance)
