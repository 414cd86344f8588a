"""Disparity between the final scores of different orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from atlas.metrics.value import MetricValue, Undefined, mean
from atlas.runtime.errors import UserError


def opd(final: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """OPD_j = max_order P_j - min_order P_j, in points, of the final scores by task (Yoon et al., 2020).

    `final[task]` holds one score an order. Raises UserError where a task has no score.
    """
    if empty := sorted(task for task, scores in final.items() if not len(scores)):
        raise UserError(f"no score of {', '.join(empty)}: the disparity between orders takes at least one.")
    return {task: float(np.max(scores) - np.min(scores)) for task, scores in final.items()}


def aopd(final: Mapping[str, Sequence[float]]) -> MetricValue:
    """AOPD = mean over tasks of OPD, in points (Yoon et al., 2020). Undefined with fewer than two orders."""
    if _too_few(final):
        return Undefined("it takes two orders")
    return mean(list(opd(final).values()))


def mopd(final: Mapping[str, Sequence[float]]) -> MetricValue:
    """MOPD = max over tasks of OPD, in points (Yoon et al., 2020). Undefined with fewer than two orders."""
    if _too_few(final):
        return Undefined("it takes two orders")
    return max(opd(final).values())


def _too_few(final: Mapping[str, Sequence[float]]) -> bool:
    return not final or min(len(scores) for scores in final.values()) < 2
