"""The leaderboard: every trial, and with several seeds every order with intervals over its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.metrics import METRICS, Metric, OrderMetrics
from atlas.report.comparisons import order_scores
from atlas.report.formats import MISSING, interval, number
from atlas.report.summary import Summary
from atlas.report.tables import Row, ranked_metrics
from atlas.report.views import ROWS_SHOWN, Cell, Table, columns, metric_cell, number_cell

HEADINGS = ("Val ↓", "Test", "Test, own route")  # all three: average accuracy
SPEED = "Updates to 90 %"


@dataclass(frozen=True, kw_only=True)
class LeaderboardSection:
    """`trials`: a row a trial. `orders`: a row an order, where there are several seeds.

    `joint`: whether intransigence compares with joint models, rather than with each task alone.
    """

    template: ClassVar[str] = "leaderboard.html"

    trials: Table
    orders: Table | None
    joint: bool


def leaderboard_section(summary: Summary, rows: Sequence[Row]) -> LeaderboardSection:
    """The leaderboard of `rows`, in their order."""
    seeds = len(summary.seeds) > 1
    return LeaderboardSection(
        trials=_trials(summary, rows, seeds=seeds),
        orders=_orders(summary) if seeds else None,
        joint=bool(summary.joint),
    )


def leaderboard_metrics(summary: Summary) -> list[Metric]:
    """The registry's metrics of the leaderboard, without average accuracy, which has columns of its own.

    Of the two intransigences it is that to joint models where the sweep trained any, else that to each task alone.
    """
    left_out = {"average_accuracy", "intransigence_to_lone" if summary.joint else "intransigence"}
    return [metric for metric in METRICS.values() if "leaderboard" in metric.shown and metric.name not in left_out]


def _trials(summary: Summary, rows: Sequence[Row], *, seeds: bool) -> Table:
    settings, shown = any(row.settings for row in rows), leaderboard_metrics(summary)
    headings = ["", "Order of the tasks", *["Settings"] * settings, *["Seed"] * seeds]
    headings += [*HEADINGS, *(metric.title for metric in shown), SPEED]
    by_id = {trial.id: trial for trial in summary.trials}
    return Table(
        columns=columns(*headings, left=(1, 2) if settings else (1,)),
        rows=tuple(
            (
                MISSING if row.rank is None else str(row.rank),
                Cell(order=row.order, badge="" if row.status == "FINISHED" else row.status.lower()),
                *[row.settings] * settings,
                *[str(row.seed)] * seeds,
                *map(number, (row.val, row.test, row.test_own)),
                *_metrics(shown, ranked_metrics(summary, by_id[row.trial], "test")),
                number_cell(row.speed, why=row.undefined["speed"]),
            )
            for row in rows
        ),
        best=bool(rows) and rows[0].status == "FINISHED",
        limit=ROWS_SHOWN,
    )


def _metrics(shown: Sequence[Metric], found: OrderMetrics) -> Iterator[Cell | str]:
    for metric in shown:
        name = f"latest/{metric.name}"
        yield metric_cell(metric, found[name], why=found.undefined.get(name, ""))


def _orders(summary: Summary) -> Table:
    """Every order: the mean over its seeds with its interval."""
    rows = order_scores(summary)
    settings = any(row.settings for row in rows)
    headings = ["", "Order of the tasks", *["Settings"] * settings, "Seeds", "Val ↓", "Test", "Forgetting"]
    return Table(
        columns=columns(*headings, left=(1, 2) if settings else (1,)),
        rows=tuple(
            (
                str(rank),
                Cell(order=row.order),
                *[row.settings] * settings,
                str(row.seeds),
                *(interval(mean) for mean in (row.val, row.test, row.forgetting)),
            )
            for rank, row in enumerate(rows, start=1)
        ),
        best=True,
        limit=ROWS_SHOWN,
    )
