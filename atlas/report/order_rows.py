"""The orders of a sweep that has one setting, a row each, with their distance to the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.report.objective import goal_error, goal_value
from atlas.report.summary import Summary, TrialRow
from atlas.report.tables import trial_metrics
from atlas.report.ties import Gap, gap

Order = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OrderRow:
    """An order over its seeds: the objective on val with its sampling error, and the gap to the best order."""

    order: Order
    score: float
    error: float | Undefined
    seeds: int
    gap: Gap


def order_rows(summary: Summary) -> list[OrderRow]:
    """The orders of finished trials, best first by the objective on val; of all settings where there are several."""
    scores: dict[Order, dict[int, float]] = {}
    errors: dict[Order, float | Undefined] = {}
    for trial in summary.trials:
        value = _objective(summary, trial)
        if value is not None:
            scores.setdefault(trial.order, {})[trial.seed] = value
            errors[trial.order] = goal_error(summary, trial, "val")
    ranked = sorted(scores, key=lambda order: -float(np.mean(list(scores[order].values()))))
    if not ranked:
        return []
    best = ranked[0]
    return [
        OrderRow(
            order=order,
            score=float(np.mean(list(scores[order].values()))),
            error=errors[order],
            seeds=len(scores[order]),
            gap=gap(_by_seed(scores[order]), _by_seed(scores[best]), (errors[order], errors[best])),
        )
        for order in ranked
    ]


def _objective(summary: Summary, trial: TrialRow) -> float | None:
    if trial.status != "FINISHED":
        return None
    return goal_value(summary, trial, "val", trial_metrics(summary, trial, "val"))


def _by_seed(scores: dict[int, float]) -> dict[tuple[Order, int], float]:
    """The scores as cells of one nameless order, so that two orders are paired by their seeds."""
    return {((), seed): score for seed, score in scores.items()}
