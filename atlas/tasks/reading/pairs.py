"""Two files of which each line of one belongs to the same line of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.reading.files import json_lines, text_lines
from atlas.tasks.reading.records import LineT
from atlas.tasks.sample import Broken

if TYPE_CHECKING:
    from pydantic import JsonValue


def paired(records: Path, labels: Path) -> Iterator[tuple[str, dict[str, JsonValue] | Broken, str]]:
    """`file:line`, the record of that line, and its label.

    Raises UserError where the files have different numbers of lines, or one has a blank line in between: which label
    belongs to which record would be a guess.
    """
    lines, answers = list(_unbroken(records, json_lines(records))), list(_unbroken(labels, text_lines(labels)))
    if len(lines) != len(answers):
        raise UserError(
            f"{labels} has {counted(len(answers), 'label')} and {records.name} {counted(len(lines), 'record')}; "
            f"download both again."
        )
    for (where, line), (_, answer) in zip(lines, answers, strict=True):
        yield where, line, answer


def _unbroken(path: Path, lines: Iterable[tuple[str, LineT]]) -> Iterator[tuple[str, LineT]]:
    for number, (where, line) in enumerate(lines, start=1):
        if where != f"{path.name}:{number}":
            raise UserError(
                f"{path}: line {number} is blank, so which label belongs to which record is not certain; "
                "remove it, or download both files again."
            )
        yield where, line
