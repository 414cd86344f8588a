"""BLEU: the share of a text's runs of words that references have, too (Papineni et al., 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from atlas.tasks.scoring.text_score import References
from atlas.tasks.scoring.words import ngrams, words_of


@dataclass(frozen=True, kw_only=True)
class Bleu:
    """BLEU of runs of up to `longest` words, over all records: bp · exp(mean over n of log p_n).

    p_n: the runs of n words in the predictions that a reference of their record has, at most as often as it has them,
    by all of them. bp = min(1, exp(1 − r / c)), of c words predicted and r words of the references nearest in length.
    """

    longest: int = 4

    def score(self, predictions: Sequence[str], references: Sequence[References]) -> float:
        matched, written, predicted, wanted = [0] * self.longest, [0] * self.longest, 0, 0
        for prediction, right in zip(predictions, references, strict=True):
            words, others = words_of(prediction), [words_of(one) for one in right]
            predicted += len(words)
            wanted += min((len(one) for one in others), key=lambda length: (abs(length - len(words)), length))
            for n in range(1, self.longest + 1):
                found = ngrams(words, n)
                most = [ngrams(one, n) for one in others]
                matched[n - 1] += sum(min(count, max(one[run] for one in most)) for run, count in found.items())
                written[n - 1] += sum(found.values())
        if not all(matched):
            return 0.0
        precision = sum(math.log(hit / all_) for hit, all_ in zip(matched, written, strict=True)) / self.longest
        return 100 * min(1.0, math.exp(1 - wanted / predicted)) * math.exp(precision)
