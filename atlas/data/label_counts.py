"""Counts of what is right in a split: how balanced it is, and what the best constant answer scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa

from atlas.data.columns import array
from atlas.runtime.text import counted
from atlas.tasks.scoring import RECALL_SCORES, TEXT_SCORES
from atlas.tasks.task import Task

LISTED = 20  # of the commonest texts
SCORED = 4096  # records by which a constant text is scored


class LabelCounts(Protocol):
    """Adds up the columns of what is right, a shard after another."""

    def add(self, values: pa.Array) -> None:
        """The column of a shard's records."""

    def balance(self) -> Mapping[str, float]:
        """Label -> records (or the sum of its scores); of free texts the commonest first references, of captions their
        numbers.
        """

    def majority(self, records: int) -> float:
        """The score of the best constant answer to so many records, in percent; of free texts that of the commonest, of
        captions that of a random ranking.
        """


class ClassCounts:
    """The records of each class, or of each place where choices compete, or the sum of its scores.

    The best constant answer scores the share of the largest class or, where scores are soft, the highest mean score
    of a class.
    """

    def __init__(self, task: Task) -> None:
        self.labels = task.answers or tuple(str(place) for place in range(task.choices))
        self.mass = np.zeros(task.classes)

    def add(self, values: pa.Array) -> None:
        labels = array(values)
        self.mass += np.bincount(labels, minlength=len(self.mass)) if labels.ndim == 1 else labels.sum(0)

    def balance(self) -> Mapping[str, float]:
        return dict(zip(self.labels, self._rounded(), strict=True))

    def majority(self, records: int) -> float:
        return 100 * max(self._rounded()) / records

    def _rounded(self) -> list[float]:
        return [round(float(one), 4) for one in self.mass]


class ReferenceCounts:
    """How often each text is the first reference of a record.

    The constant answer is the commonest such text, by the task's own score of the split's first records.
    """

    def __init__(self, score: str) -> None:
        self.score = TEXT_SCORES[score]
        self.first: Counter[str] = Counter()
        self.references: list[tuple[str, ...]] = []

    def add(self, values: pa.Array) -> None:
        found = [tuple(record) for record in values.to_pylist()]
        self.first.update(record[0] for record in found)
        self.references += found[: SCORED - len(self.references)]

    def balance(self) -> Mapping[str, float]:
        return {text: float(count) for text, count in self._commonest(LISTED)}

    def majority(self, records: int) -> float:
        ((text, _),) = self._commonest(1)
        return self.score.score([text] * len(self.references), self.references)

    def _commonest(self, most: int) -> list[tuple[str, int]]:
        return sorted(self.first.items(), key=lambda one: (-one[1], one[0]))[:most]


class CaptionCounts:
    """How many pictures have how many captions. The constant answer is a ranking at random."""

    def __init__(self, score: str) -> None:
        self.score = RECALL_SCORES[score]
        self.captions: list[int] = []
        self.texts: set[int] = set()

    def add(self, values: pa.Array) -> None:
        found = values.to_pylist()
        self.captions += map(len, found)
        self.texts.update(hash(text) for record in found for text in record)

    def balance(self) -> Mapping[str, float]:
        return {counted(size, "caption"): float(count) for size, count in sorted(Counter(self.captions).items())}

    def majority(self, records: int) -> float:
        return self.score.guessing(self.captions, texts=len(self.texts))


def label_counts(task: Task) -> LabelCounts:
    """The counts for a task's kind of answers."""
    if task.answer_kind == "captions":
        return CaptionCounts(task.score)
    return ReferenceCounts(task.score) if task.has_references else ClassCounts(task)
