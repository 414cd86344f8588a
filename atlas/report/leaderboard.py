"""Parts of a page: who is ahead, how surely, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from atlas.metrics import Undefined
from atlas.report.canvas import inline_svg
from atlas.report.comparisons import ALL, agreements, best_label, comparisons, order_rows
from atlas.report.html import arrows, bounds, interval, number, rounded, seeds, table
from atlas.report.pareto import COSTS, SCALES, front, pareto, points, varying
from atlas.report.tables import Row
from atlas.statistics import Comparison, RankCorrelation

Summary = Mapping[str, Any]

ROWS_SHOWN = 24
LATEST = "one model that goes on learning: earlier tasks can be forgotten"
FIGURES_MEANING = (
    "Relative to alone: score over that of an adapter trained on the task alone, averaged. Forgetting: the best "
    "earlier score minus the last, in points, averaged over all but the last task (Chaudhry et al., 2018). Backward "
    "transfer: the last score minus the score when learnt (Lopez-Paz and Ranzato, 2017). –: undefined or not evaluated."
)
INTRANSIGENCE_MEANING = (
    " Intransigence (test, latest): the score of {reference} minus the score when learnt, in points, averaged over "
    "tasks{after}; below 0 where earlier tasks helped."
)
LONE = {
    "reference": "an adapter trained on the task alone",
    "after": "; Chaudhry et al. (2018) compare with joint models, of which this sweep has none",
}
JOINT = {"reference": "a model trained on the task and all before it together", "after": " (Chaudhry et al., 2018)"}
SPEED_MEANING = (
    " Updates to 90 % (train): after how many updates of a task's last stage its loss, of single batches, has fallen "
    "90 % of the way from its first to its lowest value, averaged over tasks; fewer is faster."
)
SEEDS_MEANING = " ±: half of the 95 % interval of the mean over seeds (Student's t)."
OWN = "each task with the adapters it was learnt with: nothing can be forgotten, but the task must be known"


def leaderboard_section(summary: Summary, rows: Sequence[Row]) -> str:
    labelled = any(row.settings for row in rows)
    many_seeds = len(summary["seeds"]) > 1
    head = ["", "Order of the tasks", *(["Settings"] if labelled else []), *(["Seed"] if many_seeds else [])]
    wide = {1, 2} if labelled else {1}
    head += [
        "Val ↓",
        "Test",
        "Test, own route",
        "Relative to alone",
        "Forgetting",
        "Backward transfer",
        "Intransigence",
        "Updates to 90 %",
    ]
    body = [
        [
            str(row.rank),
            arrows(row.order)
            + ("" if row.status == "FINISHED" else f' <span class="badge bad">{escape(row.status.lower())}</span>'),
            *([escape(row.settings)] if labelled else []),
            *([str(row.seed)] if many_seeds else []),
            *(number(value) for value in (row.val, row.test, row.test_own)),
            number(row.relative, " %"),
            number(row.forgetting),
            number(row.backward, sign=True),
            number(row.intransigence, sign=True, why=row.undefined["intransigence"]),
            number(row.speed, why=row.undefined["speed"]),
        ]
        for row in rows
    ]
    single = _folded(head, body, wide=wide, best=rows[0].status == "FINISHED" if rows else False)
    each = f"<details><summary>Every seed by itself</summary>{single}</details>" if many_seeds else single
    meaning = FIGURES_MEANING + INTRANSIGENCE_MEANING.format(**(JOINT if summary.get("joint") else LONE))
    return (
        "<h2>Leaderboard</h2><p>Average accuracy over all tasks after the last one, in percent. "
        '<b>Sorted and chosen by <span class="chosen">val</span>; test is only reported</b>, so that the first row '
        f"is no lucky pick. Route <i>latest</i> ({LATEST}) unless it says <i>own</i> ({OWN}).</p>"
        f'<div class="card">{_over_seeds(summary) if many_seeds else ""}{each}</div>'
        f'<p class="note">{meaning}{SPEED_MEANING}{SEEDS_MEANING if many_seeds else ""}</p>'
    )


def _over_seeds(summary: Summary) -> str:
    """Every order, the mean over its seeds with its interval."""
    rows = order_rows(summary)
    labelled = any(row.settings for row in rows)
    head = ["", "Order of the tasks", *(["Settings"] if labelled else []), "Seeds", "Val ↓", "Test", "Forgetting"]
    body = [
        [
            str(rank),
            arrows(row.order),
            *([escape(row.settings)] if labelled else []),
            str(row.seeds),
            *(interval(mean) for mean in (row.val, row.test, row.forgetting)),
        ]
        for rank, row in enumerate(rows, start=1)
    ]
    return _folded(head, body, wide={1, 2} if labelled else {1}, best=True)


def _folded(head: Sequence[str], body: Sequence[Sequence[str]], *, wide: set[int], best: bool) -> str:
    """The first rows, and the others behind a click."""
    first = table(head, body[:ROWS_SHOWN], wide=wide, best=best)
    if len(body) <= ROWS_SHOWN:
        return first
    others = table(head, body[ROWS_SHOWN:], wide=wide)
    return f"{first}<details><summary>{len(body) - ROWS_SHOWN} more</summary>{others}</details>"


def comparison_section(summary: Summary) -> str:
    """Whether the best settings beat the others, and whether they agree about orders; empty with one setting."""
    found = comparisons(summary)
    if not found:
        return ""
    defined = [one for one in found if isinstance(one, Comparison)]
    head = ["Settings", "Difference", "95 % interval", "p", "p, Holm", "Pairs", "Least p"]
    body = [
        [
            escape(one.first),
            number(one.difference, sign=True),
            bounds(one.interval),
            *rounded(one.p, one.adjusted),
            str(one.count),
            *rounded(one.smallest),
        ]
        for one in sorted(defined, key=lambda one: -one.difference)
    ]
    missing = [one.reason for one in found if isinstance(one, Undefined)]
    others = f"; and {len(missing) - 2} more" if len(missing) > 2 else ""
    note = f'<p class="note">Not compared: {escape("; ".join(missing[:2]))}{others}.</p>' if missing else ""
    unit = "order (mean over its seeds)" if not defined or defined[0].unit == "order" else "seed (mean over its orders)"
    shown = f'<div class="card">{table(head, body, wide={0})}</div>' if body else ""
    return (
        "<h2>Is the difference real?</h2><p>Average accuracy of each setting minus that of the setting that val "
        f"prefers, <b>{escape(best_label(summary) or ALL)}</b>, in points, paired by {unit}. Split test, route latest, "
        f"seed {seeds(summary)}.</p>{shown}{note}"
        '<p class="note">p: permutation test of the mean difference (signs flipped); Holm: corrected for the '
        "number of comparisons; interval: Student's t. <i>Least p</i> is the smallest that so few pairs can give: "
        f"above 0.05 they cannot decide.</p>{_agreement(summary)}"
    )


def _agreement(summary: Summary) -> str:
    defined = [one for one in agreements(summary) if isinstance(one, RankCorrelation)]
    if not defined:
        return ""
    body = [
        [
            escape(one.first),
            *rounded(one.spearman, one.spearman_p, one.kendall, one.kendall_p),
            str(one.count),
        ]
        for one in defined
    ]
    head = ["Settings", "Spearman ρ", "p", "Kendall τ", "p", "Orders"]
    return (
        "<p>Do they agree about which orders are good? Rank correlation of the orders with those of "
        f'{escape(best_label(summary) or ALL)}: 1 is the same ranking, 0 none in common.</p><div class="card">'
        f"{table(head, body, wide={0})}</div>"
    )


def pareto_section(summary: Summary) -> str:
    """What good scores cost; empty where nothing differs."""
    found = points(summary)
    shown = varying(found)
    if not shown:
        return ""
    best = front(found, shown)
    head = ["", "Settings or order", "Accuracy", *(COSTS[cost].capitalize() for cost in shown)]
    body = [
        [str(found.index(point) + 1), escape(point.name), number(point.accuracy)]
        + [number(point.costs[cost] / SCALES.get(cost, 1.0)) for cost in shown]
        for point in best
    ]
    return (
        "<h2>What does a good score cost?</h2><p>Means over "
        f"{'the orders and seeds of a setting' if any(row['settings'] for row in summary['trials']) else 'seeds'}; "
        "filled points are beaten by no other in their panel. Costs are those of a trial by itself, as if it shared "
        f'nothing. Split test, route latest, seed {seeds(summary)}.</p><div class="card">'
        f"{inline_svg(pareto(summary), 'pareto')}</div><p>Beaten by none in all of these together: {len(best)} of "
        f'{len(found)}.</p><div class="card">{_folded(head, body, wide={1}, best=False)}</div>'
    )
