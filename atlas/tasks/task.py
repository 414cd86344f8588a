"""A task: what its records look like, how it is scored, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

SPLITS = ("train", "val", "test")  # learning, selection, reporting
NO_TEXT = "this is an image ."  # what stands for the text of a task that has none
Label = int | tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image, not yet decoded. `name` is unique in the task: pictures of one name are stored once."""

    name: str
    open: Callable[[], Image.Image]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One sample: pictures, texts (one a choice) and its label.

    The label is the index of the class (of the right text where the task has choices), or, where the
    task's score is "soft", pairs of class and score in [0, 1].
    """

    id: str
    pictures: tuple[Picture, ...]
    texts: tuple[str, ...]
    label: Label


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset and the question asked of it.

    answers: the class names; () for multiple choice. choices: texts a record. images: pictures a record.
    chance: the score of guessing, in percent. version: raised by hand when the reader's output changes.
    read: (split, source folder or None) -> the records, labels mixed, in an order that never changes.
    sources: source folder or None -> what decides the content (file name -> sha256, package -> version).

    A language-only task yields `pictures=()`, and prepare puts one constant mean-colour image there; a
    vision-only task yields `texts=(NO_TEXT,)`.
    """

    name: str
    title: str
    modality: Literal["vision-language", "vision", "language"]
    answers: tuple[str, ...] = ()
    choices: int = 1
    images: int = 1
    score: Literal["accuracy", "soft"] = "accuracy"
    chance: float
    licence: str
    about: str
    version: int
    read: Callable[[str, Path | None], Iterator[Record]]
    sources: Callable[[Path | None], Mapping[str, str]]

    @property
    def classes(self) -> int:
        """How many values a label can take."""
        return self.choices if self.choices > 1 else len(self.answers)

    @property
    def outputs(self) -> int:
        """The number of logits of the head: one a choice where texts compete, else one a class."""
        return 1 if self.choices > 1 else len(self.answers)
