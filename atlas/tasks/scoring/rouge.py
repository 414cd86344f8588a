"""ROUGE-L: the longest run of words, with gaps, that two texts have in common (Lin, 2004)."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.tasks.scoring.text_score import RecordScore, References
from atlas.tasks.scoring.words import words_of

BETA = 1.2  # the weight of recall, as in the evaluation of COCO's captions


class RougeL(RecordScore):
    """F = (1 + β²) P R / (R + β² P), of the best precision P and the best recall R over a record's references.

    P = common / words predicted, R = common / words of the reference, β = 1.2.
    """

    def value(self, prediction: str, references: References) -> float:
        words, others = words_of(prediction), [one for one in map(words_of, references) if one]
        if not words or not others:
            return 0.0
        shared = [common(words, one) for one in others]
        precision = max(shared) / len(words)
        recall = max(count / len(one) for count, one in zip(shared, others, strict=True))
        if not precision:
            return 0.0
        return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest subsequence of both."""
    above = [0] * (len(other) + 1)
    for word in one:
        here = [0]
        for place, found in enumerate(other, start=1):
            here.append(above[place - 1] + 1 if word == found else max(above[place], here[-1]))
        above = here
    return above[-1]
