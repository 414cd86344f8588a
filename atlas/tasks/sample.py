"""One sample of a task: a record with its pictures, texts and label, or the reason why it is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


SPLITS = ("train", "val", "test")  # training, selection, reporting

NO_TEXT = "this is an image ."  # the text of a task that has none

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
    task's score is "soft", pairs of class and score in [0, 1]. references: of a task of free texts, which has no label,
    the texts that are right; the first is what training teaches. where: `file:line`, for the message if one of its
    pictures is broken; a reader may leave it out.
    """

    id: str
    pictures: tuple[Picture, ...]
    texts: tuple[str, ...]
    label: Label = ()
    references: tuple[str, ...] = ()
    where: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A record that cannot be read: its place (`file:line`, or `file: record id`) and the reason."""

    where: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Skipped(Broken):
    """A valid record that the task leaves out by a rule of its own; counted apart from broken ones."""
