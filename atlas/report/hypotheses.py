"""The hypotheses of the method's paper (arXiv:2410.10923; METHOD, 3 and 5), tested on the trials of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atlas.metrics import Undefined
from atlas.report.comparisons import Cells, cells
from atlas.report.summary import BARE, ProbeScore, Route, Summary
from atlas.runtime.text import by_number, counted
from atlas.statistics import Comparison, compare, corrected

Verdict = Literal["holds", "the opposite", "not decided", "cannot be told"]
LEVEL = 0.05
METHOD = "atlas"
BASELINES = {
    "atlas-stage-1": "Both stages end higher than experience alone",
    "atlas-stage-2": "Both stages end higher than expansion alone",
    "lone-adapters": "Both stages end higher than a single-task adapter",
    "shared-adapter": "An adapter a task ends higher than one adapter for all",
    "fine-tuning": "It ends higher than fine-tuning the backbone from task to task",
}
UNSEEN = (
    ("experience", "experience", "Experience serves unseen tasks better after an order than on the bare backbone"),
    ("experience", "head", "Experience after an order serves unseen tasks better than a head on the bare backbone"),
    ("both", "both", "Both stages serve unseen tasks better after an order than on the bare backbone"),
)


@dataclass(frozen=True, kw_only=True)
class PaperHypothesis:
    """A claim of the paper, the route that it is tested on, and the paired comparison that decides.

    `family`: the number of hypotheses that the comparison's p was corrected for.
    """

    text: str
    route: str
    comparison: Comparison | Undefined
    family: int = 1

    @property
    def verdict(self) -> Verdict:
        """By the corrected p: a difference that could be chance decides nothing."""
        if isinstance(self.comparison, Undefined):
            return "cannot be told"
        if self.comparison.adjusted >= LEVEL:
            return "not decided"
        return "holds" if self.comparison.difference > 0 else "the opposite"

    @property
    def pairs_needed(self) -> int:
        """The least number n of pairs by which a difference of one sign in all can decide: family · 2^(1-n) < LEVEL."""
        return math.floor(math.log2(self.family / LEVEL)) + 2


def paper_hypotheses(summary: Summary) -> list[PaperHypothesis]:
    """The hypotheses that the sweep has the learners or the downstream tasks for, on split test.

    p is corrected within the learners of one route, and within the downstream tasks.
    """
    return [*_of_learners(summary, "latest"), *_of_learners(summary, "own"), *_downstream(summary)]


def _of_learners(summary: Summary, route: Route) -> list[PaperHypothesis]:
    """Average accuracy after the last task, paired by order (by seed, where there are more of them)."""
    scores = cells(summary, f"{route}/average_accuracy")
    named = {label.removeprefix("learner="): found for label, found in scores.items()}
    baselines = [name for name in BASELINES if name in named]
    if METHOD not in named or not baselines:
        return []
    family = compare({name: named[name] for name in (METHOD, *baselines)}, against=METHOD, unit=_unit(named[METHOD]))
    return [
        PaperHypothesis(text=BASELINES[name], route=route, comparison=_turned(found), family=len(baselines))
        for name, found in zip(baselines, family, strict=True)
    ]


def _turned(found: Comparison | Undefined) -> Comparison | Undefined:
    return found if isinstance(found, Undefined) else found.turned()


def _downstream(summary: Summary) -> list[PaperHypothesis]:
    """The mean score over the unseen tasks and shots, after each order against the same seed's on the bare backbone."""
    rows = summary.downstream
    found = []
    for way, from_, text in UNSEEN:
        after, bare = _means(rows, way), _bare(rows, from_)
        against = {cell: bare[cell[1]] for cell in after if cell[1] in bare}
        if against:
            (one,) = compare({"after": after, "bare": against}, against="bare", unit=_unit(against))
            found.append((text, one))
    together = corrected([one for _, one in found])
    return [
        PaperHypothesis(text=text, route="own", comparison=one, family=len(found))
        for (text, _), one in zip(found, together, strict=True)
    ]


def _means(rows: Sequence[ProbeScore], way: str) -> Cells:
    """(order, seed) → the mean test score over tasks and shots."""
    found: dict[tuple[tuple[str, ...], int], list[float]] = {}
    for row in rows:
        if row.trial != BARE and row.way == way:
            found.setdefault((row.order, row.seed), []).append(row.test)
    return {cell: float(np.mean(scores)) for cell, scores in found.items()}


def _bare(rows: Sequence[ProbeScore], way: str) -> dict[int, float]:
    """Seed → the mean test score over tasks and shots on the bare backbone."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if row.trial == BARE and row.way == way:
            found.setdefault(row.seed, []).append(row.test)
    return {seed: float(np.mean(scores)) for seed, scores in found.items()}


def _unit(found: Cells) -> Literal["order", "seed"]:
    orders, seeds_ = ({cell[place] for cell in found} for place in (0, 1))
    return "order" if len(orders) >= len(seeds_) else "seed"


def verdict_text(hypothesis: PaperHypothesis) -> str:
    """The verdict in words, with the number of pairs where they are too few to decide."""
    if hypothesis.verdict == "not decided" and (few := _pairs(hypothesis.comparison)) < hypothesis.pairs_needed:
        pairs = f"{counted(few, 'pair')} {by_number(few, 'is', 'are')} too few"
        return f"is not decided ({pairs}, it takes {hypothesis.pairs_needed})"
    return {
        "holds": "holds",
        "the opposite": "does not hold (the opposite does)",
        "not decided": "is not decided",
        "cannot be told": "cannot be told",
    }[hypothesis.verdict]


def _pairs(found: Comparison | Undefined) -> int:
    return 0 if isinstance(found, Undefined) else found.count
