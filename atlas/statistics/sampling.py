"""Sampling errors: the doubt in a score that comes from the number of records that it was taken on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from atlas.metrics import Undefined
from atlas.statistics.interval import LEVEL


def sampling_error(scores: Sequence[float], counts: Sequence[int], *, level: float = LEVEL) -> float | Undefined:
    """Half of the interval of the mean of `scores`, in points: scores in percent, each over that many records.

        z · √(Σ_t p̃_t (1 − p̃_t) / ñ_t) / T,   ñ = n + z²,   p̃ = (n p + z²/2) / ñ      (Agresti and Coull, 1998)

    for T tasks with records of their own. A graded score between 0 and 1 varies less than a right-or-wrong one of the
    same mean, so that this is its upper bound.
    """
    if not scores or len(scores) != len(counts) or min(counts) < 1:
        return Undefined("the number of records is not known")
    from scipy.special import (
        ndtri,
    )  # the quantile of the normal distribution; scipy.stats takes half a second to import

    z = float(ndtri(0.5 + level / 2))
    variance = 0.0
    for score, count in zip(scores, counts, strict=True):
        records = count + z**2
        share = (count * score / 100 + z**2 / 2) / records
        variance += share * (1 - share) / records
    return 100 * z * math.sqrt(variance) / len(scores)
