"""Split assignment where a dataset does not publish all three splits: by name, never by order."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator

from atlas.runtime.errors import unknown
from atlas.tasks.reading.records import LineT, is_whole, made, told
from atlas.tasks.sample import SPLITS, Broken, Record


def held_out(task: str, key: str, share: float) -> bool:
    """Whether the training record (or image) named `key` belongs to the `val` split: true for about `share` of them.

    The same on every machine and in any order of reading. Records that share an image share its key, so that no
    image is in two splits.
    """
    return rank(f"{task} val", key) < share


def belongs(split: str, task: str, key: str, share: float) -> bool:
    """Whether a record is of `split`, read from the file that `published` names: `val` is `share` of the training file.

    Raises UserError for an unknown split.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    return split == "test" or held_out(task, key, share) == (split == "val")


def published(split: str, train: str, test: str) -> str:
    """The one of two published files that holds a split: `train` and `val` are parts of one. Raises UserError."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    return test if split == "test" else train


def split_of(task: str, key: str, *, val: float = 0.1, test: float = 0.2) -> str:
    """The split of the record (or image) named `key`, where a dataset publishes none: shares for `val` and `test`."""
    place = rank(f"{task} split", key)
    return "val" if place < val else "test" if place < val + test else "train"


def rank(purpose: str, key: str) -> float:
    """A number in [0, 1) by hash of purpose and name: sorting by it is a shuffle that never changes."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {key}".encode()).digest()[:7], "big") / 2**56


def deal(
    lines: Iterable[tuple[str, LineT | Broken]],
    *,
    key: Callable[[LineT], str],
    record: Callable[[str, LineT], Record | Broken],
    mine: Callable[[str], bool],
) -> Iterator[Record | Broken]:
    """The records of one split: of the lines whose key is `mine`, what `record(where, line)` makes of them.

    A record for which either raises is `Broken`. The key of a line without a readable one is its place, so that it is
    reported in one split and no other.
    """

    def chosen() -> Iterator[tuple[str, LineT | Broken]]:
        for where, line in lines:
            try:
                name = where if isinstance(line, Broken) else key(line)
            except Exception as error:
                if is_whole(error):
                    raise
                line, name = Broken(where=where, reason=told(error)), where
            if mine(name):
                yield where, line

    yield from made(chosen(), record)


def deal_published(
    split: str,
    task: str,
    lines: Iterable[tuple[str, LineT | Broken]],
    *,
    val: float,
    key: Callable[[LineT], str],
    record: Callable[[str, LineT], Record | Broken],
) -> Iterator[Record | Broken]:
    """The records of a split from the published file that holds it: `val` is a share of the training file, by key.

    Raises UserError for an unknown split.
    """
    yield from deal(lines, key=key, record=record, mine=functools.partial(belongs, split, task, share=val))
