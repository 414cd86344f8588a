"""A value over orders: their mean, the worst of them, or a low quantile; and the interval of a quantile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atlas.metrics import Undefined
from atlas.statistics.interval import LEVEL, Interval


def share_of(aim: str) -> float | None:
    """The share of orders below the quantile that an aim names, 0.25 for `q25`; None for `mean` and `worst`."""
    return int(aim[1:]) / 100 if aim[:1] == "q" and aim[1:].isdecimal() else None


def over_orders(values: Sequence[float], aim: str) -> float:
    """The mean of one value an order, the minimum (`worst`), or a quantile (`q25`: a quarter of the orders are below).

    The quantile is linear between neighbours (type 7 of Hyndman and Fan, 1996): of one order it is that order's value.
    """
    if (share := share_of(aim)) is not None:
        return float(np.quantile(values, share))
    return min(values) if aim == "worst" else float(sum(values) / len(values))


def quantile_interval(values: Sequence[float], share: float, *, level: float = LEVEL) -> Interval | Undefined:
    """The interval of a quantile between two of the values in their order, right for whatever spread they have.

    Of n values, B ~ Binomial(n, share) are below the quantile; the ends are the l-th and the u-th value, the nearest
    ones with P(B < l) and P(B ≥ u) of (1 - level) / 2 at most (Conover, 1999). Undefined where n has no such.
    """
    from scipy.stats import binom

    tail, data, n = (1 - level) / 2, sorted(values), len(values)
    lows = [place for place in range(1, n + 1) if binom.cdf(place - 1, n, share) <= tail]
    highs = [place for place in range(1, n + 1) if binom.sf(place - 1, n, share) <= tail]
    if not lows or not highs:
        return Undefined(f"it takes {fewest(share, level=level)} orders; there {'is' if n == 1 else 'are'} {n}")
    return Interval(low=data[lows[-1] - 1], high=data[highs[0] - 1], level=level, method="order statistics")


def fewest(share: float, *, level: float = LEVEL) -> int:
    """The fewest values of which a quantile has an interval: the least and the greatest are its ends."""
    tail = (1 - level) / 2
    return int(np.ceil(np.log(tail) / np.log(max(share, 1 - share))))
