"""Untried orders that the model of orders expects most of, from a sweep's summary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order
from atlas.report.objective import AVERAGE, goal_of
from atlas.report.summary import Summary, TrialRow
from atlas.search.order_features import Observation, Point
from atlas.search.order_model import OrderModel
from atlas.search.order_statistics import OrderStatistics
from atlas.steps.walk_result import relative_score

LEAST = 3  # orders that were tried, before any other is foretold
MOST = 5040  # orders that are looked at: all of seven tasks
DEVIATIONS = 2.0


@dataclass(frozen=True, kw_only=True)
class PromisingOrders:
    """Orders by what they may reach, the best first; the mean and the deviation of the first, and the best known."""

    orders: tuple[Order, ...]
    mean: float
    deviation: float
    best: float


def promising_orders(summary: Summary, space: OrderSpace, most: int) -> PromisingOrders | None:
    """The untried orders of the highest expected improvement of average accuracy (val, route latest), `most` of them.

    Of the relative accuracy, where the sweep ranks by that.
    Those whose upper bound, two deviations above the mean, is above the best known alone; None where there is none, or
    fewer than three orders were tried.
    """
    model, tried = _model(summary, space), {trial.order for trial in summary.trials}
    if model is None:
        return None
    left = [order for order in islice(space.orders(), MOST) if order not in tried]
    if not left:
        return None
    points = [Point(order) for order in left]
    (mean, deviation), gains = model.predict(points), model.improvement(points)
    hopeful = [place for place in np.argsort(-gains) if mean[place] + DEVIATIONS * deviation[place] > model.best]
    if not hopeful:
        return None
    first = hopeful[0]
    return PromisingOrders(
        orders=tuple(left[place] for place in hopeful[:most]),
        mean=float(mean[first]),
        deviation=float(deviation[first]),
        best=model.best,
    )


def _model(summary: Summary, space: OrderSpace) -> OrderModel | None:
    """The model of what finished trials scored after each of their tasks."""
    observations: list[Observation] = []
    values: defaultdict[Point, list[float]] = defaultdict(list)
    for trial in summary.trials:
        rows = list(_scores(summary, trial)) if trial.may_win else []
        if len(rows) == len(trial.order):
            observations += [Observation(trial.order[: len(row)], row) for row in rows]
            values[Point(trial.order)].append(sum(rows[-1]) / len(rows[-1]))
    if len(values) < LEAST:
        return None
    return OrderModel(OrderStatistics.of(space.tasks, observations, values, space.length), noisy=len(summary.seeds) > 1)


def _scores(summary: Summary, trial: TrialRow) -> Iterator[tuple[float, ...]]:
    """The scores of the tasks so far after each task of the order, of those rows that are whole."""
    relative, references = goal_of(summary) != AVERAGE, summary.references.single_task.get(trial.seed, {})
    alone = [references[task].val if task in references else None for task in trial.order]
    for place, row in enumerate(trial.R.get("val", {}).get("latest", ())):
        known = [score for score in row[: place + 1] if score is not None]
        if len(known) == place + 1:
            yield tuple(map(relative_score, known, alone)) if relative else tuple(known)
