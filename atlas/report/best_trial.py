"""The trial that a sweep's validation scores prefer: the model that is registered."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.report.downstream import DownstreamWalk, downstream_walks
from atlas.report.objective import DOWNSTREAM
from atlas.report.order_rows import order_rows
from atlas.report.settings import best_label
from atlas.report.summary import BestTrial, Summary
from atlas.report.tables import Row, leaderboard


def best_trial(summary: Summary, goal: str) -> BestTrial | None:
    """The trial that validation prefers, of the settings and the order that it prefers, and its score on test."""
    probed = _feasible_walks(summary) if goal == DOWNSTREAM else []
    rows: Sequence[Row | DownstreamWalk] = probed or [row for row in leaderboard(summary) if row.rank is not None]
    label = best_label(summary)
    rows = [row for row in rows if row.settings == label] or rows
    if len(summary.seeds) > 1 and (orders := order_rows(summary, label)):
        rows = [row for row in rows if row.order == orders[0].order] or rows  # not the luckiest walk of another
    if not rows:
        return None
    return BestTrial(trial=rows[0].trial, val=rows[0].val, test=rows[0].test, goal="downstream" if probed else "")


def _feasible_walks(summary: Summary) -> list[DownstreamWalk]:
    """The rows of `downstream_walks` whose trials keep to the sweep's constraints."""
    missing = {trial.id for trial in summary.trials if trial.infeasible}
    return [row for row in downstream_walks(summary) if row.trial not in missing]
