"""Every metric of one order, from its accuracy matrices. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas import metrics
from atlas.metrics import MetricValue, Undefined


def order_metrics(
    R_latest: ArrayLike,
    R_own: ArrayLike | None,
    lone: Sequence[float | None] | None = None,
    *,
    chance: Sequence[float] | None = None,
    joint: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Every figure of one order and split, by `<route>/<name>`; None where undefined, the reasons in `undefined`.

    `lone`, `chance` and `joint` are in the order of the tasks, as the columns of R. Transfers are means over tasks:
    forgetting over those learnt before the last, upstream knowledge over those after the first.
    """
    figures: dict[str, MetricValue] = {}
    for route, R in (("latest", R_latest), ("own", R_own)):
        if R is None:
            continue
        figures |= {
            f"{route}/{name}": value for name, value in _route_figures(np.asarray(R, dtype=float), lone).items()
        }
    figures["latest/intransigence"] = metrics.intransigence(R_latest, joint)
    figures["latest/intransigence_to_lone"] = metrics.intransigence_to_lone(R_latest, lone)
    if lone is not None and chance is not None:
        figures |= _transfers(np.asarray(R_latest, dtype=float), lone, chance)
    values: dict[str, Any] = {name: None if isinstance(value, Undefined) else value for name, value in figures.items()}
    reasons = {name: value.reason for name, value in figures.items() if isinstance(value, Undefined)}
    return {**values, "undefined": reasons}


def _route_figures(R: NDArray[np.float64], lone: Sequence[float | None] | None) -> dict[str, MetricValue]:
    seen = metrics.tasks_seen(R)
    alone = {str(j): score for j, score in enumerate(lone or ()) if score is not None}
    last = {str(j): float(R[seen - 1, j]) for j in range(seen)}
    return {
        "average_accuracy": metrics.average_accuracy(R),
        "average_anytime_accuracy": metrics.average_anytime_accuracy(R),
        "backward_transfer": metrics.backward_transfer(R),
        "forgetting": metrics.forgetting(R),
        "relative_accuracy": metrics.relative_accuracy(last, alone)
        if lone is not None
        else Undefined("no adapter was trained alone"),
    }


def _transfers(R: NDArray[np.float64], lone: Sequence[float | None], chance: Sequence[float]) -> dict[str, MetricValue]:
    """CLiMB's transfers, each the mean over the tasks for which it is defined."""
    seen = metrics.tasks_seen(R)
    forgotten = [metrics.forgetting_transfer(R[j, j], R[seen - 1, j], chance[j]) for j in range(seen - 1)]
    upstream = [
        metrics.upstream_knowledge_transfer(R[j, j], score, chance[j])
        for j, score in enumerate(lone[:seen])
        if j > 0 and score is not None
    ]
    return {
        "latest/forgetting_transfer": _mean_defined(forgotten),
        "latest/upstream_knowledge_transfer": _mean_defined(upstream),
    }


def _mean_defined(figures: Sequence[MetricValue]) -> MetricValue:
    defined = [value for value in figures if not isinstance(value, Undefined)]
    if defined:
        return float(np.mean(defined))
    return figures[0] if figures else Undefined("it takes two tasks")
