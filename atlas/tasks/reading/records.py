"""Records from the lines of a published file: unusable lines are reported as `Broken`, not dropped."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from atlas.runtime.errors import AtlasError, unknown
from atlas.runtime.text import composed, first_line
from atlas.tasks.reading.files import Unreadable, field
from atlas.tasks.sample import Broken, Record

if TYPE_CHECKING:
    from pydantic import JsonValue

LineT = TypeVar("LineT")


def made(
    lines: Iterable[tuple[str, LineT | Broken]], record: Callable[[str, LineT], Record | Broken]
) -> Iterator[Record | Broken]:
    """The record that `record(where, line)` makes of every line; `Broken` where it raises anything but an AtlasError
    that concerns more than the line.
    """
    for where, line in lines:
        try:
            found = line if isinstance(line, Broken) else record(where, line)
        except Exception as error:
            if is_whole(error):
                raise
            found = Broken(where=where, reason=told(error))
        yield replace(found, where=found.where or where)


def is_whole(error: BaseException) -> bool:
    """Whether an error is not that of one line: a file that is unusable, or out of reach."""
    return isinstance(error, AtlasError) and not isinstance(error, Unreadable)


def told(error: BaseException) -> str:
    """An error in a line: what it says where it is meant for people, else with its type and line of code."""
    if isinstance(error, AtlasError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {first_line(error)} ({Path(frame.filename).name}:{frame.lineno})"


def text_of(values: Mapping[str, JsonValue], names: str | Sequence[str]) -> str:
    """The text under a name, without the blanks around it. Raises Unreadable where it is missing or blank."""
    text: str = field(values, names).strip()
    if not text:
        raise Unreadable(f"the field {names if isinstance(names, str) else names[0]!r} is blank")
    return text


def class_of(label: str, answers: Sequence[str]) -> int:
    """The place of a label among the classes, whichever Unicode form either is written in.

    Raises Unreadable, naming the nearest, where it is none of them.
    """
    if label in answers:
        return answers.index(label)
    alike = [place for place, answer in enumerate(answers) if composed(answer) == composed(label)]
    if not alike:
        raise Unreadable(str(unknown("label", label, answers)))
    return alike[0]


def unseen(name: str, seen: set[str]) -> str:
    """The name, added to `seen`. Raises Unreadable where it was there before."""
    if name in seen:
        raise Unreadable(f"another record has the id {name!r} too")
    seen.add(name)
    return name
