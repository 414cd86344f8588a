"""Refusals of a task that has too many broken records, with all of them in a file, or too many tied ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from atlas.data.broken import BrokenRecords
from atlas.data.card import BrokenRecord, DataCard, tied_text
from atlas.data.shard import writing
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted
from atlas.tasks.sample import SPLITS, Broken

NAMED = 3  # in an error
HOPELESS = 0.5  # of a split's records: a wrong folder or form, for which no picture is opened


class SplitRecords(Protocol):
    """What was read of a split."""

    @property
    def split(self) -> str:
        """Its name."""
        ...

    @property
    def broken(self) -> BrokenRecords:
        """Its broken records."""
        ...

    @property
    def seen(self) -> int:
        """The records that its reader gave."""
        ...


def over(splits: Iterable[SplitRecords], most: float) -> list[SplitRecords]:
    """The splits of whose records more than the share `most` are broken."""
    return [one for one in splits if one.broken.count > most * one.seen]


def refuse_broken(task: str, splits: Iterable[SplitRecords], *, most: float, path: Path) -> None:
    """Raises UserError where more than the share `most` of a split is broken; the whole list is left in `path`."""
    splits = list(splits)
    wrong = over(splits, most)
    if not wrong:
        return
    with writing(path.parent):
        write_list(path, (one.broken for one in splits))
    said = [told(one.split, one.broken.count, one.seen, most, one.broken.first) for one in wrong]
    total = sum(one.broken.count for one in splits)
    listed = by_number(total, "It is", f"All {total:,} are")
    raise UserError(
        f"{task}: {'; '.join(said)}. Repair them, or allow more by --most-broken. {listed} listed in {path}."
    )


def refuse_found(card: DataCard, *, most: float, folder: Path) -> None:
    """As `refuse_broken`, for data that was prepared before, in `folder`."""
    found = [(split, card.broken[split]) for split in SPLITS if split in card.broken]
    said = [told(split, one.count, one.of, most, one.first) for split, one in found if one.count > most * one.of]
    if said:
        raise UserError(
            f"{card.task}: {'; '.join(said)}. It was prepared before with more: repair them and prepare --again, or "
            f"allow more by --most-broken. All are listed in {folder / 'broken.jsonl'}."
        )


def refuse_tied(task: str, splits: Mapping[str, tuple[int, int]], *, most: float, tokens: int) -> None:
    """Raises UserError where more than the share `most` of a split's records have choices of the same tokens.

    splits: split -> its records, and those that are tied. tokens: the most that a text has.
    """
    said = [tied_text(split, records, tied) for split, (records, tied) in splits.items() if tied > most * records]
    if said:
        raise UserError(
            f"{task}: {'; '.join(said)}, more than the {100 * most:g} % that may be: no model can answer them. A "
            f"text has at most {tokens} tokens: give more --tokens, or a backbone that takes more, or knows more "
            "words; let a reader of your own join question and answer by `choice_text`, so that answers stay; or allow "
            "more: atlas prepare TASK --most-tied SHARE."
        )


def told(split: str, count: int, seen: int, most: float, first: Sequence[Broken | BrokenRecord]) -> str:
    """The broken records of a split, with the first few."""
    examples = "; ".join(f"{one.where}: {one.reason}" for one in first[:NAMED])
    return (
        f"{count:,} of {counted(seen, 'record')} of {split!r} {by_number(count, 'is', 'are')} broken, more than the "
        f"{100 * most:g} % that may be: {examples}"
    )


def write_list(path: Path, broken: Iterable[BrokenRecords]) -> None:
    """One file of all broken records, a JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for one in broken:
            with one.path.open(encoding="utf-8") as lines:
                shutil.copyfileobj(lines, file)
