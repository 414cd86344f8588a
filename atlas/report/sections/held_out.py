"""The chosen setting on held-out orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from atlas.report.formats import number
from atlas.report.objective import held_out_in_words, takes_subsets
from atlas.report.summary import Summary
from atlas.report.views import ROWS_SHOWN, Table, columns


@dataclass(frozen=True, kw_only=True)
class HeldOutSection:
    """The means and the gap in words, and a row an order."""

    template: ClassVar[str] = "held_out.html"

    words: str
    orders: Table


def held_out_section(summary: Summary) -> HeldOutSection | None:
    """The winner's setting on the orders that it was chosen by and on others; None where none are held out."""
    found = summary.held_out
    if found is None:
        return None
    rows = [("chosen by", *row) for row in zip(found.chosen_by.orders, found.chosen_by.accuracies, strict=True)]
    rows += [("held out", *row) for row in zip(found.held_out.orders, found.held_out.accuracies, strict=True)]
    return HeldOutSection(
        words=held_out_in_words(summary),
        orders=Table(
            columns=columns("", "Order", "Relative accuracy" if takes_subsets(summary) else "Accuracy", left=(0, 1)),
            rows=tuple((kind, " → ".join(order), number(accuracy)) for kind, order, accuracy in rows),
            limit=ROWS_SHOWN,
        ),
    )
