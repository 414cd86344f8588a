"""The trial that a sweep's validation scores prefer: the model that is registered."""

from __future__ import annotations

from atlas.report.downstream import DownstreamOrder, downstream_orders
from atlas.report.objective import DOWNSTREAM
from atlas.report.order_rows import order_rows
from atlas.report.settings import best_label
from atlas.report.summary import BestTrial, Summary
from atlas.report.tables import leaderboard


def best_trial(summary: Summary, goal: str) -> BestTrial | None:
    """The trial that validation prefers, of the settings and the order that it prefers, and its score on test."""
    if goal == DOWNSTREAM and (found := _feasible_orders(summary)):
        return BestTrial(trial=found[0].trial, val=found[0].val, test=found[0].test, goal="downstream")
    finished = [row for row in leaderboard(summary) if row.rank is not None]
    label = best_label(summary)
    rows = [row for row in finished if row.settings == label] or finished
    if len(summary.seeds) > 1 and (orders := order_rows(summary, label)):
        rows = [row for row in rows if row.order == orders[0].order] or rows  # not the luckiest walk of another
    return BestTrial(trial=rows[0].trial, val=rows[0].val, test=rows[0].test) if rows else None


def _feasible_orders(summary: Summary) -> list[DownstreamOrder]:
    """The rows of `downstream_orders` whose trials keep to the sweep's constraints."""
    missing = {trial.id for trial in summary.trials if trial.infeasible}
    return [row for row in downstream_orders(summary) if row.trial not in missing]
