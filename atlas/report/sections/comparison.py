"""The comparison of settings: whether the best differs from the others, and whether they agree about orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.metrics import Undefined
from atlas.report.comparisons import ALL, agreements, best_label, comparisons
from atlas.report.formats import number, rounded, seeds
from atlas.report.settings import labels_in_words
from atlas.report.summary import Summary
from atlas.report.views import Table, bounds_cell, columns
from atlas.runtime.text import counted
from atlas.statistics import FEWEST, Comparison, RankCorrelation

REASONS_SHOWN = 2


@dataclass(frozen=True, kw_only=True)
class ComparisonSection:
    """`best`: the settings that the others are compared with. `unit`: what makes a pair, in words.

    `reasons`: the first causes why settings could not be compared; `more_reasons`: the number of the others.
    """

    template: ClassVar[str] = "comparison.html"

    best: str
    unit: str
    seeds: str
    differences: Table | None
    reasons: tuple[str, ...]
    more_reasons: int
    agreement: Table | None


def comparison_section(summary: Summary) -> ComparisonSection | None:
    """The comparison with the best settings; None where all trials have the same."""
    found = comparisons(summary)
    if not found:
        return None
    defined = [one for one in found if isinstance(one, Comparison)]
    words, best = labels_in_words(summary), best_label(summary)
    reasons = [_in_words(one.reason, words) for one in found if isinstance(one, Undefined)]
    by_order = not defined or defined[0].unit == "order"
    return ComparisonSection(
        best=words.get(best, best) or ALL,
        unit="order (mean over its seeds)" if by_order else "seed (mean over its orders)",
        seeds=seeds(summary),
        differences=_differences(defined, words),
        reasons=tuple(reasons[:REASONS_SHOWN]),
        more_reasons=max(0, len(reasons) - REASONS_SHOWN),
        agreement=_agreement(summary, words),
    )


def _in_words(reason: str, words: Mapping[str, str]) -> str:
    """A reason with its settings as the tables have them; the longest first, since one may be a part of another."""
    for label in sorted(filter(None, words), key=len, reverse=True):
        reason = reason.replace(label, f"“{words[label]}”")
    return reason


def _differences(found: Sequence[Comparison], words: Mapping[str, str]) -> Table | None:
    rows = tuple(
        (
            words.get(one.first, one.first),
            number(one.difference, sign=True),
            bounds_cell(
                one.interval
                if one.count >= FEWEST
                else Undefined(f"{counted(one.count, 'pair')}: too few for an interval")
            ),
            rounded(one.p),
            rounded(one.adjusted),
            str(one.count),
            rounded(one.smallest),
        )
        for one in sorted(found, key=lambda one: -one.difference)
    )
    headings = columns("Settings", "Difference", "95 % interval", "p", "p, Holm", "Pairs", "Least p", left=(0,))
    return Table(columns=headings, rows=rows) if rows else None


def _agreement(summary: Summary, words: Mapping[str, str]) -> Table | None:
    rows = tuple(
        (
            words.get(one.first, one.first),
            *map(rounded, (one.spearman, one.spearman_p, one.kendall, one.kendall_p)),
            str(one.count),
        )
        for one in agreements(summary)
        if isinstance(one, RankCorrelation)
    )
    headings = columns("Settings", "Spearman ρ", "p", "Kendall τ", "p", "Orders", left=(0,))
    return Table(columns=headings, rows=rows) if rows else None
