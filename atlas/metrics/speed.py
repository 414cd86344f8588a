"""Learning speed: functions of the curve of one stage, not of R."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atlas.metrics.value import MetricValue, Undefined

SHARE = 0.9


def learning_speed(curve: Sequence[tuple[int, float]], *, share: float = SHARE, rising: bool = True) -> MetricValue:
    """The update by which the curve has gone `share` of the way from its first value to its best; fewer is faster.

    `curve` holds (update, value): scores, or losses with `rising=False`. Interpolated between the values before and
    after; undefined where the curve never gets better than it began.
    """
    if len(curve) < 2:
        return Undefined("it takes two points of a curve")
    updates, values = (np.asarray(column, dtype=float) for column in zip(*curve, strict=True))
    gained = (values - values[0]) * (1 if rising else -1)
    wanted = share * gained.max()
    if not wanted > 0:
        return Undefined("the curve never gets better than it began")
    first = int(np.argmax(gained >= wanted))
    before, after = gained[first - 1], gained[first]
    part = (wanted - before) / (after - before)
    return float(updates[first - 1] + part * (updates[first] - updates[first - 1]))
