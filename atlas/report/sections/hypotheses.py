"""The claims of the method's paper, and whether the sweep supports each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from atlas.metrics import Undefined
from atlas.report.formats import MISSING, number, rounded, seeds
from atlas.report.hypotheses import paper_hypotheses, verdict_text
from atlas.report.summary import Summary
from atlas.report.views import Cell, Table, bounds_cell, columns
from atlas.statistics import Comparison


@dataclass(frozen=True, kw_only=True)
class HypothesesSection:
    """A row a hypothesis and route: the verdict and the paired comparison that it rests on."""

    template: ClassVar[str] = "hypotheses.html"

    seeds: str
    verdicts: Table


def hypotheses_section(summary: Summary) -> HypothesesSection | None:
    """The paper's hypotheses; None where the sweep has the learners or tasks of none."""
    rows = tuple(
        (
            Cell(text=one.text, form="sentence"),
            Cell(text=verdict_text(one), form="strong"),
            one.route,
            *_figures(one.comparison),
        )
        for one in paper_hypotheses(summary)
    )
    headings = ("Claim", "At this scale it", "Route", "Difference", "95 % interval", "p, Holm", "Pairs")
    verdicts = Table(columns=columns(*headings, left=(0, 1, 2)), rows=rows)
    return HypothesesSection(seeds=seeds(summary), verdicts=verdicts) if rows else None


def _figures(found: Comparison | Undefined) -> tuple[Cell | str, ...]:
    if isinstance(found, Undefined):
        return MISSING, bounds_cell(found), MISSING, MISSING
    return (
        number(found.difference, sign=True),
        bounds_cell(found.interval),
        rounded(found.adjusted),
        str(found.count),
    )
