"""Assign numbers and contents to splits, and labels to samples, by name and seed alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import unknown
from atlas.tasks.reading.splits import held_out
from atlas.tasks.sample import SPLITS

TEST_FROM = 100_000_000  # numbers of the public validation part, beyond any of the training part
TEST_EIGHTHS = (6, 7)  # of all contents of a text-only twin: those of `test`


@dataclass(frozen=True, kw_only=True)
class HoldOutRule:
    """The rule by which a sister's reader holds out records for `val`; `key` names the record or image of a number."""

    sister: str
    share: float
    key: Callable[[int], str]


def numbers(split: str, rule: HoldOutRule) -> Iterator[int]:
    """The numbers of a split without end: the training numbers that the rule puts there, or those of `test`."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if split == "test":
        yield from itertools.count(TEST_FROM)
    for number in itertools.count(1):
        if held_out(rule.sister, rule.key(number), rule.share) == (split == "val"):
            yield number


def deck(purpose: str, labels: int) -> Iterator[int]:
    """Labels without end: each run of `labels` of them holds every label once, in an order of its own."""
    for block in itertools.count():
        yield from Random(f"{purpose} deck {block}").sample(range(labels), labels)


def eighth(content: str) -> int:
    """The eighth of all contents that this one belongs to, by its hash."""
    return int(text_sha256(content)[:8], 16) % 8
