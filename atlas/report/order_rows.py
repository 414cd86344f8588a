"""The orders of a sweep that has one setting, a row each, with their distance to the best."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.report.objective import goal_error, goal_value
from atlas.report.summary import Summary, TrialRow
from atlas.report.tables import settings_label, trial_metrics
from atlas.report.ties import Cells, Gap, gap
from atlas.statistics import shrunk_means

Order = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OrderRow:
    """An order over its seeds: the objective on val with its sampling error, and the gap to the best order.

    The gap is over the seeds that both have, where there are any.
    """

    order: Order
    score: float
    error: float | Undefined
    seeds: int
    gap: Gap


def order_rows(summary: Summary, label: str | None = None) -> list[OrderRow]:
    """The orders of finished trials, best first by the objective on val; of one setting, or of all (None).

    Orders with different numbers of seeds rank by what these let expect (`shrunk_means`).
    """
    scores: dict[Order, dict[int, float]] = {}
    errors: dict[Order, float | Undefined] = {}
    for trial in summary.trials:
        if label is not None and settings_label(trial.settings) != label:
            continue
        value = _objective(summary, trial)
        if value is not None:
            scores.setdefault(trial.order, {})[trial.seed] = value
            errors[trial.order] = goal_error(summary, trial, "val")
    believed = shrunk_means({order: list(some.values()) for order, some in scores.items()})
    ranked = sorted(scores, key=lambda order: -believed[order])
    if not ranked:
        return []
    best = ranked[0]
    return [
        OrderRow(
            order=order,
            score=float(np.mean(list(scores[order].values()))),
            error=errors[order],
            seeds=len(scores[order]),
            gap=gap(*_by_seed(scores[order], scores[best]), (errors[order], errors[best])),
        )
        for order in ranked
    ]


def _objective(summary: Summary, trial: TrialRow) -> float | None:
    if not trial.may_win:
        return None
    return goal_value(summary, trial, "val", trial_metrics(summary, trial, "val"))


def _by_seed(score: dict[int, float], best: dict[int, float]) -> tuple[Cells, Cells]:
    """The scores of two orders as cells of one, paired by the seeds that both have, where there are any."""
    seeds = score.keys() & best.keys()
    return _cells(score, seeds or score.keys()), _cells(best, seeds or best.keys())


def _cells(scores: dict[int, float], seeds: Collection[int]) -> Cells:
    nameless: Order = ()
    return {(nameless, seed): score for seed, score in scores.items() if seed in seeds}
