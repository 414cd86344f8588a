"""CoOp's splits (Zhou et al., 2022, arXiv:2109.01134): a JSON file a data set, `split_zhou_Food101.json`.

An object of three lists, `train`, `val` and `test`; an entry is `[path, label, class name]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.runtime.errors import UserError
from atlas.tasks.reading.files import json_file
from atlas.tasks.sample import SPLITS, Broken


@dataclass(frozen=True, kw_only=True)
class CoopSplit:
    """The split of one data set. file: its name. folder: that of the source which its paths are relative to."""

    file: str
    folder: str

    def classes(self, source: Path) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers.

        Raises UserError where the file is unusable, a number has two names, or the numbers are not 0, 1, 2, …
        """
        found: dict[int, str] = {}
        for split in SPLITS:
            for where, entry in self._entries(source, split):
                if not isinstance(entry, Broken) and found.setdefault(entry[1], entry[2]) != entry[2]:
                    raise UserError(
                        f"{source / self.file}: {where} names class {entry[1]} {entry[2]!r}, another entry "
                        f"{found[entry[1]]!r}; download it again."
                    )
        if not found or sorted(found) != list(range(len(found))):
            raise UserError(f"{source / self.file}: its classes are not numbered 0, 1, 2, …; download it again.")
        return tuple(found[number] for number in sorted(found))

    def lines(self, source: Path, split: str) -> Iterator[tuple[str, tuple[str, str] | Broken]]:
        """The pictures of a split with their places: path under the source, class name. Raises UserError."""
        for where, entry in self._entries(source, split):
            yield where, entry if isinstance(entry, Broken) else (f"{self.folder}{entry[0]}", entry[2])

    def _entries(self, source: Path, split: str) -> Iterator[tuple[str, tuple[str, int, str] | Broken]]:
        """Path, label and class name in words. Raises UserError where the file is none, or lacks the split."""
        values: Any = json_file(source / self.file)
        entries = values.get(split) if isinstance(values, dict) else None
        if not isinstance(entries, list):
            raise UserError(f"{source / self.file} has no list {split!r}; download it again.")
        for number, entry in enumerate(entries):
            where = f"{self.file}: {split}[{number}]"
            yield where, _entry(entry) or Broken(where=where, reason=f"{entry!r:.80} is no path, label and class name")


def _entry(entry: Any) -> tuple[str, int, str] | None:
    if not isinstance(entry, list) or [type(part) for part in entry] != [str, int, str] or not entry[2].strip():
        return None
    return entry[0].lstrip("/"), entry[1], in_words(entry[2])


def in_words(label: str) -> str:
    """The class of a list or a folder as words: `apple_pie` is `apple pie`."""
    return " ".join(label.replace("_", " ").split())
