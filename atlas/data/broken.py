"""Records of a split that are left out: broken ones, counted and logged, and those skipped by rule."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from atlas.data.card import BrokenCount, BrokenRecord
from atlas.data.shard import writing
from atlas.tasks.sample import Broken

LISTED = 20  # in the card; `broken.jsonl` has all of them


class BrokenRecords:
    """Appends each broken record to a file of its split and keeps the first few.

    source: the folder whose path is left out of the reasons, so that they read the same on every machine.
    """

    def __init__(self, path: Path, *, split: str, source: Path | None) -> None:
        self.path, self.split = path, split
        self.count = 0
        self.first: list[Broken] = []
        self.skipped: Counter[str] = Counter()
        self._prefix = f"{source}/" if source else ""
        self.path.write_text("", encoding="utf-8")

    def add(self, where: str, reason: str) -> None:
        """Count one more and append it to the file."""
        where, reason = _text(where), _text(reason)
        if self._prefix:
            where, reason = where.replace(self._prefix, ""), reason.replace(self._prefix, "")
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(Broken(where=where, reason=reason))
        with writing(self.path.parent), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"split": self.split, "where": where, "reason": reason}) + "\n")

    def skip(self, reason: str) -> None:
        """Count a record that is left out by rule."""
        reason = _text(reason)
        known = reason in self.skipped or len(self.skipped) < LISTED
        self.skipped[reason if known else "other rules"] += 1

    def summary(self, seen: int) -> BrokenCount:
        """The card's entry of the broken records among the `seen` ones."""
        first = tuple(BrokenRecord(where=one.where, reason=one.reason) for one in self.first)
        return BrokenCount(count=self.count, of=seen, first=first)


def _text(told: object) -> str:
    """What a reader tells, which may be an exception, as text that can be written: half a character is spelt out."""
    return str(told).encode("utf-8", "backslashreplace").decode()
