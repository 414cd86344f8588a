"""The check of what a reader yields: a record of the right types, that fits its task's declaration."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from atlas.data.columns import flaw
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.sample import Label, Picture, Record
from atlas.tasks.task import Task


def checked(task: Task, item: object) -> Record:
    """The record, with Python's own numbers in its label. Raises Unreadable for anything else."""
    if not isinstance(item, Record):
        raise Unreadable(f"the reader gives {item!r:.60}, a {type(item).__name__}, no Record")
    if not isinstance(item.id, str):
        raise Unreadable(f"the id is {item.id!r:.60}, a {type(item.id).__name__}; give a text")
    texts = tuple(_text(number, one) for number, one in enumerate(_listed("texts", item.texts)))
    pictures = tuple(_picture(number, one) for number, one in enumerate(_listed("pictures", item.pictures)))
    references = tuple(
        _text(number, one, "reference") for number, one in enumerate(_listed("references", item.references))
    )
    record = replace(
        item,
        texts=texts,
        pictures=pictures,
        label=_label(item.label),
        references=references,
        where=str(item.where or ""),
    )
    if reason := flaw(task, record):
        raise Unreadable(reason)
    return record


def _listed(what: str, values: object) -> Sequence[object]:
    if isinstance(values, tuple | list):
        return values
    raise Unreadable(f"the {what} are {values!r:.60}, a {type(values).__name__}; give a tuple of them")


def _text(number: int, text: object, what: str = "text") -> str:
    if isinstance(text, str):
        return text
    raise Unreadable(f"{what} {number} is {text!r:.60}, a {type(text).__name__}")


def _picture(number: int, picture: object) -> Picture:
    if isinstance(picture, Picture) and isinstance(picture.name, str) and callable(picture.open):
        return picture
    kind = type(picture).__name__
    raise Unreadable(f"picture {number} is {picture!r:.60}, a {kind}; give a Picture with its name and a function")


def _label(label: object) -> Label:
    """A class, or pairs of class and score, of any type of number."""
    if isinstance(label, tuple | list):
        return _pairs(label)
    try:
        return operator.index(label)  # type: ignore[arg-type]
    except TypeError:
        raise Unreadable(
            f"the label is {label!r:.60}, a {type(label).__name__}; give its class's number, from 0"
        ) from None


def _pairs(pairs: Sequence[Any]) -> Label:
    try:
        found = tuple((operator.index(place), float(score)) for place, score in pairs)
    except (TypeError, ValueError):
        raise Unreadable(f"the label is {pairs!r:.60}; give pairs of a class's number and its score") from None
    twice = [place for place, count in Counter(place for place, _ in found).items() if count > 1]
    if twice:
        raise Unreadable(f"the label scores the class {twice[0]} twice")
    return found
