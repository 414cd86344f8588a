"""The few-shot scores of unseen tasks, from the bare backbone and after each order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.report.canvas import inline_pair
from atlas.report.downstream import ShotRow, downstream_orders, few_shot_curves, shot_rows
from atlas.report.formats import number
from atlas.report.summary import Summary
from atlas.report.views import ROWS_SHOWN, Cell, Table, columns

HEADINGS = ("Task", "Shots", "Chance", "Head", "Experience, M_0", "Both, M_0", "Experience", "Both", "worst", "best")
HEADINGS_TRANSFER = ("T_LS experience", "T_LS both")


@dataclass(frozen=True, kw_only=True)
class DownstreamSection:
    """`shots`: a row a task and number of shots. `orders`: the first orders by val."""

    template: ClassVar[str] = "downstream.html"

    figure: Markup
    shots: Table
    orders: Table


def downstream_section(summary: Summary) -> DownstreamSection | None:
    """The few-shot results of a summary; None where the sweep has no downstream task."""
    rows = tuple(_shots(row) for row in shot_rows(summary))
    if not rows:
        return None
    return DownstreamSection(
        figure=inline_pair(partial(few_shot_curves, summary), "downstream"),
        shots=Table(columns=columns(*HEADINGS, *HEADINGS_TRANSFER, left=(0, 1)), rows=rows),
        orders=_orders(summary),
    )


def _shots(row: ShotRow) -> tuple[str, ...]:
    scores = (row.chance, row.head, row.bare["experience"], row.bare["both"])
    after = (row.mean["experience"], row.mean["both"], row.low, row.high)
    transfers = (number(row.transfer[way], " %", sign=True) for way in ("experience", "both"))
    return row.task, row.shots, *map(number, (*scores, *after)), *transfers


def _orders(summary: Summary) -> Table:
    return Table(
        columns=columns("", "Order of the upstream tasks", "Val ↓", "Test", left=(1,)),
        rows=tuple(
            (str(rank), Cell(order=row.order), number(row.val), number(row.test))
            for rank, row in enumerate(downstream_orders(summary)[:ROWS_SHOWN], start=1)
        ),
        best=True,
    )
