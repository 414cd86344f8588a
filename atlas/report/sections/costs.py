"""The costs of good scores: the Pareto figure and its front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.report.canvas import inline_pair
from atlas.report.formats import number, seeds
from atlas.report.pareto import front, pareto, points, varying
from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary
from atlas.report.views import ROWS_SHOWN, Table, columns


@dataclass(frozen=True, kw_only=True)
class CostsSection:
    """`points`: how many the figure has; `front`: those that none of them beats in all costs together."""

    template: ClassVar[str] = "costs.html"

    by_settings: bool
    seeds: str
    figure: Markup
    points: int
    front: Table


def costs_section(summary: Summary) -> CostsSection | None:
    """Accuracy against cost; None where no cost differs."""
    found = points(summary)
    shown = varying(found)
    if not shown:
        return None
    tuned = is_settings_sweep(summary)
    return CostsSection(
        by_settings=tuned,
        seeds=seeds(summary),
        figure=inline_pair(partial(pareto, summary), "pareto"),
        points=len(found),
        front=Table(
            columns=columns(
                "", "Setting" if tuned else "Order", "Accuracy", *(cost.label.capitalize() for cost in shown), left=(1,)
            ),
            rows=tuple(
                (
                    str(found.index(point) + 1),
                    point.name,
                    number(point.accuracy),
                    *(number(cost.shown(point)) for cost in shown),
                )
                for point in front(found, shown)
            ),
            limit=ROWS_SHOWN,
            marks=tuple(point.mark for point in front(found, shown)),
        ),
    )
