"""ANLS: average normalised Levenshtein similarity (Biten et al., 2019, arXiv:1907.00490)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from atlas.tasks.scoring.text_score import RecordScore, References


def plain(text: str) -> str:
    """In lower case, with single blanks between words."""
    return " ".join(text.lower().split())


def stripped(text: str) -> str:
    """In lower case, without blanks around it."""
    return text.strip().lower()


@dataclass(frozen=True, kw_only=True)
class Anls(RecordScore):
    """The similarity to the most similar reference, 1 − edits / length of the longer, both as `compared`; 0 where it is
    below `least`.

    As in the evaluation of DocVQA: lower case and single blanks, and nothing for less than a half.
    """

    least: float = 0.5
    compared: Callable[[str], str] = plain

    def value(self, prediction: str, references: References) -> float:
        text = self.compared(prediction)
        best = max(similarity(text, self.compared(one)) for one in references)
        return best if best >= self.least else 0.0


def similarity(one: str, other: str) -> float:
    """1 − Levenshtein distance / length of the longer text; 1 of two empty ones."""
    longer = max(len(one), len(other))
    return 1 - distance(one, other) / longer if longer else 1.0


def distance(one: str, other: str) -> int:
    """The least number of letters put in, left out or replaced that turns one text into the other."""
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        here = [row]
        for column, found in enumerate(other, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != found)))
        above = here
    return above[-1]
