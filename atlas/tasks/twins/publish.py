"""Writing files as benchmarks publish them: JSON lines, and large JSON documents of lists, one item at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pydantic import JsonValue


def write_lines(path: Path, items: Iterable[Mapping[str, JsonValue] | str]) -> None:
    """One item a line: a JSON object, or a text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            file.write(item if isinstance(item, str) else json.dumps(item))
            file.write("\n")


def write_document(path: Path, head: Mapping[str, JsonValue], lists: Mapping[str, Iterator[Any]]) -> None:
    """A JSON object of the fields of `head` and of lists that may be longer than memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("{")
        for name, value in head.items():
            file.write(f"{json.dumps(name)}: {json.dumps(value)}, ")
        for place, (name, items) in enumerate(lists.items()):
            file.write(f"{', ' if place else ''}{json.dumps(name)}: ")
            _write_list(file, items)
        file.write("}\n")


def _write_list(file: TextIO, items: Iterator[Any]) -> None:
    file.write("[")
    for place, item in enumerate(items):
        file.write((",\n" if place else "\n") + json.dumps(item))
    file.write("]")
