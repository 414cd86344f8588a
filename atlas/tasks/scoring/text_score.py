"""The interface of scores of free texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

References = Sequence[str]  # the texts that are right for one record, at least one


class TextScore(Protocol):
    """A score of texts over a set of records, 0 to 100."""

    def score(self, predictions: Sequence[str], references: Sequence[References]) -> float:
        """The score of one predicted text a record, in percent; 0 of no records."""


class RecordScore(ABC):
    """A score that is the mean of its records' own values."""

    @abstractmethod
    def value(self, prediction: str, references: References) -> float:
        """The value of one predicted text, in [0, 1]."""

    def takes(self, reference: str) -> bool:
        """Whether a prediction could be right by this reference: for rules of boxes and letters not by any text."""
        return True

    def score(self, predictions: Sequence[str], references: Sequence[References]) -> float:
        """100 times the mean value of the records."""
        values = [self.value(one, right) for one, right in zip(predictions, references, strict=True)]
        return 100 * sum(values) / len(values) if values else 0.0
