"""Statistics over orders and seeds: intervals, comparisons of settings, variance components; pure functions.

All of them take finished trials alone. Within a sweep an order and a seed make one cell; what is compared is the
average accuracy after the last task.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.report.objective import AVERAGE, DOWNSTREAM, RELATIVE, goal_of, takes_subsets
from atlas.report.settings import best_label
from atlas.report.summary import Route, Split, Summary
from atlas.report.tables import final_scores, settings_label, trial_metrics
from atlas.statistics import (
    Comparison,
    Components,
    Mean,
    Precedence,
    RankCorrelation,
    compare,
    mean_t,
    precedence_effects,
    rank_correlation,
    shrunk_means,
    variance_components,
)

Order = tuple[str, ...]
Cells = dict[tuple[Order, int], float]

ALL = "all trials"
MOST = 24  # settings that are compared


@dataclass(frozen=True, kw_only=True)
class ComparedOrder:
    """An order under one setting, over its seeds: percent, forgetting in points.

    objective: on val, what orders are ranked by, but for the score of downstream tasks.
    """

    order: Order
    settings: str
    seeds: int
    objective: Mean | Undefined
    val: Mean
    test: Mean | Undefined
    forgetting: Mean | Undefined


def ranked_orders(summary: Summary, label: str, split: Split, route: Route) -> list[tuple[Order, dict[str, float]]]:
    """(order, final score by task, the mean over seeds) of one setting, best first by val on route latest.

    By the objective, where orders take different tasks.
    """
    orders = final_scores(summary, split, route).get(label, {})
    val = final_scores(summary, "val", "latest").get(label, {})
    if takes_subsets(summary) and (goal := goal_of(summary)) != DOWNSTREAM:
        val = {}
        for (order, seed), value in cells(summary, goal, "val").get(label, {}).items():
            val.setdefault(order, {})[str(seed)] = value

    def merit(order: Order) -> float:
        return float(np.mean(list(val[order].values()))) if order in val else -np.inf

    return sorted(orders.items(), key=lambda item: -merit(item[0]))


def cells(summary: Summary, figure: str, split: Split = "test") -> dict[str, Cells]:
    """Settings label → (order, seed) → a figure of `order_metrics`, where it is defined."""
    found: dict[str, Cells] = defaultdict(dict)
    for trial in summary.trials:
        value = trial_metrics(summary, trial, split)[figure] if trial.may_win else None
        if value is not None:
            found[settings_label(trial.settings)][trial.order, trial.seed] = value
    return dict(found)


def order_scores(summary: Summary) -> list[ComparedOrder]:
    """Every order of every setting with the t intervals over its seeds, best first by the objective on val.

    Those with different numbers of seeds rank by what these let expect (`shrunk_means`).
    """
    val = cells(summary, "latest/average_accuracy", "val")
    goal = goal_of(summary)
    merit = val if goal in (AVERAGE, DOWNSTREAM) else cells(summary, goal, "val")
    test, lost = (cells(summary, f"latest/{name}") for name in ("average_accuracy", "forgetting"))
    rows = []
    for label, of_label in val.items():
        for order in dict.fromkeys(order for order, _ in of_label):
            first = _over_seeds(of_label, order)
            assert isinstance(first, Mean)
            rows.append(
                ComparedOrder(
                    order=order,
                    settings=label,
                    seeds=first.count,
                    objective=_over_seeds(merit.get(label, {}), order),
                    val=first,
                    test=_over_seeds(test.get(label, {}), order),
                    forgetting=_over_seeds(lost.get(label, {}), order),
                )
            )
    believed = shrunk_means(
        {
            (label, order): [value for (one, _), value in some.items() if one == order]
            for label, some in merit.items()
            for order in dict.fromkeys(order for order, _ in some)
        }
    )
    return sorted(rows, key=lambda row: -believed.get((row.settings, row.order), -np.inf))


def components(summary: Summary) -> dict[str, Components | Undefined]:
    """Route → the variance components of the best settings' average accuracy on test.

    Of the relative accuracy, where orders take different tasks.
    """
    label = best_label(summary)
    figure = RELATIVE if takes_subsets(summary) else "average_accuracy"
    return {
        route: variance_components(cells(summary, f"{route}/{figure}").get(label, {})) for route in ("latest", "own")
    }


def comparisons(summary: Summary) -> list[Comparison | Undefined]:
    """Paired comparisons of every other setting with the one that val prefers; empty with one setting alone.

    The scores are average accuracies on test, route latest. Orders (or seeds, where there are more of them) are the
    pairs: the cells of one order are not independent.
    """
    scores = {label or ALL: found for label, found in cells(summary, "latest/average_accuracy").items()}
    if len(scores) < 2:
        return []
    best = best_label(summary) or ALL
    val = {
        label: np.mean(list(found.values()))
        for label, found in cells(summary, "latest/average_accuracy", "val").items()
    }
    shown = sorted(scores, key=lambda label: -float(val.get(label, -np.inf)))[:MOST]
    pairs = {cell for found in scores.values() for cell in found}
    orders, seeds = len({order for order, _ in pairs}), len({seed for _, seed in pairs})
    chosen = {label: scores[label] for label in dict.fromkeys([*shown, best])}
    return compare(chosen, against=best, unit="order" if orders >= seeds else "seed")


def agreements(summary: Summary) -> list[RankCorrelation | Undefined]:
    """The rank correlation of each other setting's orders with those of the best one (test, route latest)."""
    by_order = {
        label or ALL: {order: float(np.mean([v for (o, _), v in found.items() if o == order])) for order, _ in found}
        for label, found in cells(summary, "latest/average_accuracy").items()
    }
    best = best_label(summary) or ALL
    if best not in by_order:
        return []
    others = [label for label in by_order if label != best][:MOST]
    return [rank_correlation((label, by_order[label]), (best, by_order[best])) for label in others]


def precedence(summary: Summary, route: Route, split: Split = "test") -> dict[tuple[str, str], Precedence | Undefined]:
    """Pairwise precedence effects under the best settings; empty where no trial finished."""
    return precedence_effects(final_scores(summary, split, route).get(best_label(summary), {}))


def _over_seeds(found: Cells, order: Order) -> Mean | Undefined:
    return mean_t([value for (one, _), value in found.items() if one == order])
