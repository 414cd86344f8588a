"""What the paper claims, and whether this sweep bears it out (arXiv:2410.10923; METHOD, 3 and 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np

from atlas.metrics import Undefined
from atlas.report.comparisons import Cells, cells
from atlas.report.downstream import BARE
from atlas.report.html import bounds, number, rounded, seeds, table
from atlas.statistics import Comparison, compare, corrected

Summary = Mapping[str, Any]
Verdict = Literal["holds", "the opposite", "not decided", "cannot be told"]
LEVEL = 0.05
METHOD = "atlas"
RIVALS = {
    "atlas-stage-1": "Both stages end higher than experience alone",
    "atlas-stage-2": "Both stages end higher than expansion alone",
    "lone-adapters": "Both stages end higher than a lone adapter a task",
    "shared-adapter": "An adapter a task ends higher than one adapter for all",
    "fine-tuning": "It ends higher than fine-tuning the backbone from task to task",
}
UNSEEN = (
    ("experience", "experience", "Experience serves unseen tasks better after an order than on the bare backbone"),
    ("experience", "head", "Experience after an order serves unseen tasks better than a head on the bare backbone"),
    ("both", "both", "Both stages serve unseen tasks better after an order than on the bare backbone"),
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim, the route that it is judged on, and the paired comparison of what it sets against what.

    `family` is the number of claims that the comparison's p was corrected for.
    """

    text: str
    route: str
    found: Comparison | Undefined
    family: int = 1

    @property
    def verdict(self) -> Verdict:
        """By the corrected p: a difference that could be chance decides nothing."""
        if isinstance(self.found, Undefined):
            return "cannot be told"
        if self.found.adjusted >= LEVEL:
            return "not decided"
        return "holds" if self.found.difference > 0 else "the opposite"

    @property
    def pairs_needed(self) -> int:
        """From how many pairs n on a difference of one sign in all of them decides: family · 2^(1-n) < LEVEL."""
        return math.floor(math.log2(self.family / LEVEL)) + 2


def claims(summary: Summary) -> list[Claim]:
    """Those that the sweep has the learners or the downstream tasks for; p corrected within learners of one route, and
    within downstream tasks. Split test."""
    return [*_of_learners(summary, "latest"), *_of_learners(summary, "own"), *_downstream(summary)]


def _of_learners(summary: Summary, route: str) -> list[Claim]:
    """Average accuracy after the last task, paired by order (by seed, where there are more of them)."""
    scores = cells(summary, f"{route}/average_accuracy")
    named = {label.removeprefix("learner="): found for label, found in scores.items()}
    rivals = [name for name in RIVALS if name in named]
    if METHOD not in named or not rivals:
        return []
    family = compare({name: named[name] for name in (METHOD, *rivals)}, against=METHOD, unit=_unit(named[METHOD]))
    return [
        Claim(text=RIVALS[name], route=route, found=_turned(found), family=len(rivals))
        for name, found in zip(rivals, family, strict=True)
    ]


def _turned(found: Comparison | Undefined) -> Comparison | Undefined:
    return found if isinstance(found, Undefined) else found.turned()


def _downstream(summary: Summary) -> list[Claim]:
    """The mean score over the unseen tasks and shots, after each order against the same seed's on the bare backbone."""
    rows = summary.get("downstream", [])
    found = []
    for way, from_, text in UNSEEN:
        after, bare = _means(rows, way), _bare(rows, from_)
        against = {cell: bare[cell[1]] for cell in after if cell[1] in bare}
        if against:
            (one,) = compare({"after": after, "bare": against}, against="bare", unit=_unit(against))
            found.append((text, one))
    together = corrected([one for _, one in found])
    return [
        Claim(text=text, route="own", found=one, family=len(found))
        for (text, _), one in zip(found, together, strict=True)
    ]


def _means(rows: list[Mapping[str, Any]], way: str) -> Cells:
    """(order, seed) → the mean test score over tasks and shots."""
    found: dict[tuple[tuple[str, ...], int], list[float]] = {}
    for row in rows:
        if row["trial"] != BARE and row["way"] == way:
            found.setdefault((tuple(row["order"]), row["seed"]), []).append(row["test"])
    return {cell: float(np.mean(scores)) for cell, scores in found.items()}


def _bare(rows: list[Mapping[str, Any]], way: str) -> dict[int, float]:
    """Seed → the mean test score over tasks and shots on the bare backbone."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if row["trial"] == BARE and row["way"] == way:
            found.setdefault(row["seed"], []).append(row["test"])
    return {seed: float(np.mean(scores)) for seed, scores in found.items()}


def _unit(found: Cells) -> Literal["order", "seed"]:
    orders, seeds_ = ({cell[place] for cell in found} for place in (0, 1))
    return "order" if len(orders) >= len(seeds_) else "seed"


def claims_section(summary: Summary) -> str:
    """The page's part on the paper's claims; empty where the sweep cannot speak to any."""
    found = claims(summary)
    if not found:
        return ""
    head = ["Claim", "At this scale it", "Route", "Difference", "95 % interval", "p, Holm", "Pairs"]
    body = [[_wrapped(one.text), f"<b>{said(one)}</b>", one.route, *_figures(one.found)] for one in found]
    return (
        "<h2>Does the paper's claim hold here?</h2><p>Of this backbone, these tasks and this many updates alone. "
        "Learners: average accuracy after the last task; unseen tasks: the mean few-shot score; differences in points, "
        f"paired by order (by seed where there are more). Split test, seed {seeds(summary)}.</p>"
        f'<div class="card">{table(head, body, wide={0, 1, 2})}</div>'
        '<p class="note">p: permutation test (signs flipped; drawn where there are many pairs), corrected for the '
        "claims of one kind and route. "
        "Above 0.05 nothing is decided: the difference could be chance, or the pairs too few.</p>"
    )


def said(claim: Claim) -> str:
    """The verdict in words."""
    if claim.verdict == "not decided" and (few := _pairs(claim.found)) < claim.pairs_needed:
        return f"is not decided ({few} pairs are too few, it takes {claim.pairs_needed})"
    return {
        "holds": "holds",
        "the opposite": "does not hold (the opposite does)",
        "not decided": "is not decided",
        "cannot be told": "cannot be told",
    }[claim.verdict]


def _pairs(found: Comparison | Undefined) -> int:
    return 0 if isinstance(found, Undefined) else found.count


def _wrapped(text: str) -> str:
    """A sentence in a cell, broken over lines."""
    return f'<div style="white-space:normal;min-width:14em;max-width:22em">{escape(text)}</div>'


def _figures(found: Comparison | Undefined) -> list[str]:
    if isinstance(found, Undefined):
        return ["–", f'<span title="{escape(found.reason)}">–</span>', "–", "–"]
    return [number(found.difference, sign=True), bounds(found.interval), *rounded(found.adjusted), str(found.count)]
