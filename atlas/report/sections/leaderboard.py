"""The leaderboard: every trial, and with several seeds every order with intervals over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from atlas.report.comparisons import order_scores
from atlas.report.formats import interval, number
from atlas.report.tables import Row
from atlas.report.views import ROWS_SHOWN, Cell, Table, columns, number_cell

Summary = Mapping[str, Any]


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
    seeds = len(summary["seeds"]) > 1
    return LeaderboardSection(
        trials=_trials(rows, seeds=seeds),
        orders=_orders(summary) if seeds else None,
        joint=bool(summary.get("joint")),
    )


def _trials(rows: Sequence[Row], *, seeds: bool) -> Table:
    settings = any(row.settings for row in rows)
    headings = ["", "Order of the tasks", *["Settings"] * settings, *["Seed"] * seeds, "Val ↓", "Test"]
    headings += ["Test, own route", "Relative to alone", "Forgetting", "Backward transfer", "Intransigence"]
    headings += ["Updates to 90 %"]
    return Table(
        columns=columns(*headings, left=(1, 2) if settings else (1,)),
        rows=tuple(
            (
                str(row.rank),
                Cell(order=row.order, badge="" if row.status == "FINISHED" else row.status.lower()),
                *[row.settings] * settings,
                *[str(row.seed)] * seeds,
                *_figures(row),
            )
            for row in rows
        ),
        best=bool(rows) and rows[0].status == "FINISHED",
        limit=ROWS_SHOWN,
    )


def _figures(row: Row) -> tuple[Cell | str, ...]:
    return (
        number(row.val),
        number(row.test),
        number(row.test_own),
        number(row.relative, " %"),
        number(row.forgetting),
        number(row.backward, sign=True),
        number_cell(row.intransigence, sign=True, why=row.undefined["intransigence"]),
        number_cell(row.speed, why=row.undefined["speed"]),
    )


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
