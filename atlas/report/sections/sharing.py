"""The trainings that shared steps saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from atlas.report import figures
from atlas.report.canvas import inline_svg
from atlas.report.summary import Summary


@dataclass(frozen=True, kw_only=True)
class SharingSection:
    """Counts of trainings and steps; durations in seconds."""

    template: ClassVar[str] = "sharing.html"

    without_sharing: int
    distinct: int
    in_store: int
    trained: int
    reused: int
    seconds_trained: float
    seconds_saved: float
    figure: Markup


def sharing_section(summary: Summary) -> SharingSection:
    """The plan's steps and what became of them."""
    plan, ledger = summary.plan, summary.ledger
    return SharingSection(
        without_sharing=plan.trainings_without_sharing,
        distinct=plan.distinct_steps,
        in_store=plan.in_store,
        trained=ledger.steps_trained,
        reused=ledger.steps_reused,
        seconds_trained=ledger.seconds_trained,
        seconds_saved=ledger.seconds_saved,
        figure=inline_svg(figures.sharing(summary), "sharing"),
    )
