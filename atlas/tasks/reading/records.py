"""Records from the lines of a published file: unusable lines are reported as `Broken`, not dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from atlas.runtime.errors import unknown
from atlas.tasks.reading.files import Unreadable, field
from atlas.tasks.sample import Broken, Record

if TYPE_CHECKING:
    from pydantic import JsonValue

LineT = TypeVar("LineT")


def made(
    lines: Iterable[tuple[str, LineT | Broken]], record: Callable[[str, LineT], Record | Broken]
) -> Iterator[Record | Broken]:
    """The record that `record(where, line)` makes of every line; `Broken` where it raises Unreadable."""
    for where, line in lines:
        try:
            found = line if isinstance(line, Broken) else record(where, line)
        except Unreadable as error:
            found = Broken(where=where, reason=str(error))
        yield replace(found, where=found.where or where)


def text_of(values: Mapping[str, JsonValue], names: str | Sequence[str]) -> str:
    """The text under a name, without the blanks around it. Raises Unreadable where it is missing or blank."""
    text: str = field(values, names).strip()
    if not text:
        raise Unreadable(f"the field {names if isinstance(names, str) else names[0]!r} is blank")
    return text


def class_of(label: str, answers: Sequence[str]) -> int:
    """The place of a label among the classes. Raises Unreadable, naming the nearest, where it is none of them."""
    if label not in answers:
        raise Unreadable(str(unknown("label", label, answers)))
    return answers.index(label)


def unseen(name: str, seen: set[str]) -> str:
    """The name, added to `seen`. Raises Unreadable where it was there before."""
    if name in seen:
        raise Unreadable(f"another record has the id {name!r} too")
    seen.add(name)
    return name
