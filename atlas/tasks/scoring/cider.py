"""CIDEr-D: consensus with the references, by rare runs of words (Vedantam et al., 2015, arXiv:1411.5726)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from atlas.tasks.scoring.text_score import References
from atlas.tasks.scoring.words import Ngram, ngrams, words_of

LONGEST = 4
SIGMA = 6.0  # words by which lengths may differ
Vector = Mapping[Ngram, float]


class Cider:
    """Ten times CIDEr-D: the mean over n of cos(prediction, reference), as 0 to 100.

    Runs of n words are weighed by how few records' references have them: count · log(records / records with it). A run
    counts at most as often as the reference has it, and exp(−Δ² / 2σ²) takes off for Δ words more or less. CIDEr-D is
    often printed times 100 instead: 110 there is 11 here.
    """

    def score(self, predictions: Sequence[str], references: Sequence[References]) -> float:
        right = [[words_of(one) for one in record] for record in references]
        seen: Counter[Ngram] = Counter()
        for record in right:
            seen.update({run for words in record for n in range(1, LONGEST + 1) for run in ngrams(words, n)})
        scale = math.log(len(right)) if right else 0.0
        values = [
            _mean([_similarity(words_of(said), one, seen, scale) for one in record])
            for said, record in zip(predictions, right, strict=True)
        ]
        return 100 * _mean(values)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _similarity(said: list[str], right: list[str], seen: Counter[Ngram], scale: float) -> float:
    """The mean over n of the similarity of two texts, with the penalty of their lengths, in [0, 1]."""
    penalty = math.exp(-((len(said) - len(right)) ** 2) / (2 * SIGMA**2))
    sizes = range(1, LONGEST + 1)
    return penalty * _mean([_cosine(_weighed(said, n, seen, scale), _weighed(right, n, seen, scale)) for n in sizes])


def _weighed(words: list[str], size: int, seen: Counter[Ngram], scale: float) -> Vector:
    return {run: count * (scale - math.log(max(1, seen[run]))) for run, count in ngrams(words, size).items()}


def _cosine(said: Vector, right: Vector) -> float:
    norm = math.sqrt(sum(one**2 for one in said.values())) * math.sqrt(sum(one**2 for one in right.values()))
    if not norm:
        return 0.0
    return sum(min(weight, right[run]) * right[run] for run, weight in said.items() if run in right) / norm
