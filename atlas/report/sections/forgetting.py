"""The forgetting curves: the score of each task over the steps after its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from markupsafe import Markup

from atlas.report import figures
from atlas.report.canvas import inline_pair
from atlas.report.formats import seeds
from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary


@dataclass(frozen=True, kw_only=True)
class ForgettingSection:
    """The curves; no figure where there is no trial. `tuned`: trials differ in their settings."""

    template: ClassVar[str] = "forgetting.html"

    seeds: str
    tuned: bool
    figure: Markup | None


def forgetting_section(summary: Summary) -> ForgettingSection:
    """A line a walk."""
    figure = inline_pair(partial(figures.forgetting_curves, summary), "forgetting") if summary.is_scored else None
    return ForgettingSection(seeds=seeds(summary), tuned=is_settings_sweep(summary), figure=figure)
