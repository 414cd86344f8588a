"""Figures of scores over steps and orders, drawn with matplotlib.

Every figure's title names the definition, the split, the seeds and the route. A figure is a matplotlib `Figure`:
`canvas.save_png` writes it to a file, `canvas.inline_svg` makes it a part of the page, in the page's font and its light
or dark colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from atlas.report.canvas import (
    BEST,
    INK,
    MUTED,
    PHONE,
    RULE,
    THIRD,
    WORST,
    new_figure,
    panel_row,
    titled,
)
from atlas.report.comparisons import best_label, ranked_orders
from atlas.report.marks import order_mark, put_mark, trial_marks
from atlas.report.objective import takes_subsets
from atlas.report.settings import is_settings_sweep, short_label
from atlas.report.summary import Route, Split, Summary, TrialRow
from atlas.report.tables import leaderboard, matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar("T")
LETTERS = 48  # of a legend's line on a phone
LETTERS_AN_INCH = 13


def forgetting_curves(
    summary: Summary, *, split: Split = "test", route: Route = "latest", narrow: bool = False
) -> Figure:
    """A panel a task: its score over the steps since it was learnt, a line a walk."""
    from matplotlib.ticker import MaxNLocator

    trials, tasks, mark_of = _ranked(summary), list(summary.tasks), trial_marks(summary)
    figure, panels = panel_row(len(tasks), (2.9, 3.6), narrow=narrow)
    for axes, task in zip(panels, tasks, strict=False):
        for colour, width, (_, trial) in _styled(trials):
            if task in trial.order:
                column = trial.order.index(task)
                scores = matrix(trial, split, route)[column:, column]
                style: dict[str, Any] = {"color": colour, "linewidth": width, "marker": "o", "markersize": width + 1}
                put_mark(mark_of(trial), axes.plot(range(len(scores)), scores, **style))
        axes.set_title(task, loc="left", fontsize=10)
        axes.set_xlabel("tasks learnt since")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in panels[:: 2 if narrow else len(tasks)]:
        axes.set_ylabel("score (%)")
    tuned = is_settings_sweep(summary)
    names = [" → ".join(trial.order) + f" ({short_label(trial.settings)})" * tuned for _, trial in trials]
    _name_colours(figure, names, narrow=narrow)
    return titled(figure, summary, "Score of each task over the steps after it was learnt", split, route)


def order_sensitivity(
    summary: Summary, *, split: Split = "test", route: Route = "latest", narrow: bool = False
) -> Figure:
    """Final scores by task, a line an order (the mean over its seeds); the bar is the spread between orders, OPD.

    Orders are compared under one setting: that of the best finished trial. The spread of orders of different tasks is
    no OPD.
    """
    tasks = list(summary.tasks)
    orders = ranked_orders(summary, best_label(summary), split, route)
    figure, (axes,) = new_figure(PHONE if narrow else max(5.0, 1.7 * len(tasks) + 1.2), 4.4, 1, 1)
    spread = "max − min" if takes_subsets(summary) else "OPD"
    _draw_spread(axes, tasks, [final for _, final in orders], spread)
    for colour, width, (order, final) in _styled(orders):
        scores = [final.get(task, np.nan) for task in tasks]
        style: dict[str, Any] = {"color": colour, "linewidth": width, "marker": "o", "markersize": width + 2}
        put_mark(order_mark(order), axes.plot(range(len(tasks)), scores, **style))
    tilted = narrow and len(tasks) > 3
    axes.set_xticks(range(len(tasks)), tasks, rotation=30 if tilted else 0, ha="right" if tilted else "center")
    axes.set_xlim(-0.4, len(tasks) - 0.6)
    axes.margins(y=0.12)
    axes.set_ylabel("final score (%)")
    _name_colours(figure, [" → ".join(order) for order, _ in orders], narrow=narrow)
    bar = "over the orders that take it" if takes_subsets(summary) else "OPD = max − min"
    return titled(figure, summary, f"Final score of each task under each order; bar: {bar}", split, route)


def sharing(summary: Summary, *, narrow: bool = False) -> Figure:
    """The number of trainings without sharing, of distinct steps, and of those that were trained in this sweep."""
    figure, (axes,) = new_figure(PHONE if narrow else 7.0, 2.3, 1, 1)
    bars = _sharing_bars(summary)
    for place, (_, count, colour) in enumerate(bars):
        axes.barh(place, count, color=colour, height=0.62)
        axes.annotate(str(count), (count, place), (5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("trainings of a task")
    axes.margins(x=0.1)
    figure.suptitle(f"Trainings that sharing steps between orders saved\n{summary.sweep.name}", x=0.01, ha="left")
    return figure


def _sharing_bars(summary: Summary) -> list[tuple[str, int, str]]:
    """(name, count, colour): of all trainings where they were recorded, else of the plan and the trials' steps."""
    plan, ledger = summary.plan, summary.ledger
    if ledger.trainings is None:
        without, distinct, trained = plan.trainings_without_sharing, plan.distinct_steps, ledger.steps_trained
    else:
        without, trained = ledger.trainings, ledger.trained
        distinct = trained + ledger.found + ledger.kept
    return [("without sharing", without, MUTED), ("distinct steps", distinct, BEST), ("trained now", trained, THIRD)]


def score_range(summary: Summary) -> tuple[float, float]:
    """The tens around all scores of R: one colour scale for all matrices of a report."""
    scores = [
        score
        for trial in summary.trials
        for routes in trial.R.values()
        for R in routes.values()
        for row in R
        for score in row
        if score is not None
    ]
    if not scores:
        return 0.0, 100.0
    low, high = 10.0 * (min(scores) // 10), -10.0 * (-max(scores) // 10)
    return low, max(high, low + 10.0)


def _draw_spread(axes: Axes, tasks: list[str], orders: list[dict[str, float]], name: str) -> None:
    """A bar a task from its worst to its best order, with the difference in points under its name."""
    for place, task in enumerate(tasks):
        scores = [final[task] for final in orders if task in final]
        if not scores:
            continue
        low, high = min(scores), max(scores)
        axes.plot([place] * 2, [low, high], color=RULE, linewidth=14, solid_capstyle="round")
        label = f"{name} {high - low:.1f}"
        axes.annotate(label, (place, high), (0, 11), textcoords="offset points", ha="center", fontsize=9, color=INK)


def _ranked(summary: Summary) -> list[tuple[int, TrialRow]]:
    """(place, trial) in the leaderboard's order."""
    by_id = {trial.id: trial for trial in summary.trials}
    return [(place, by_id[row.trial]) for place, row in enumerate(leaderboard(summary), start=1)]


def _styled(ranked: Sequence[T]) -> list[tuple[str, float, T]]:
    """(colour, line width, one): the first and the last stand out and are drawn on top."""
    plain = [(MUTED, 0.7, one) for one in ranked[1:-1]]
    last = [(WORST, 2.2, ranked[-1])] if len(ranked) > 1 else []
    return [*plain, *last, *([(BEST, 2.2, ranked[0])] if ranked else [])]


def _name_colours(figure: Figure, walks: Sequence[str], *, narrow: bool) -> None:
    """The legend of `_styled`: the first and the last walk by val, and the number of the others."""
    from matplotlib.lines import Line2D

    if not walks:
        return
    names = [(BEST, f"best by val: {walks[0]}")]
    names += [(WORST, f"last by val: {walks[-1]}")] if len(walks) > 1 else []
    names += [(MUTED, f"the {len(walks) - 2} others" if len(walks) > 3 else "the other")] if len(walks) > 2 else []
    letters = LETTERS if narrow else int(LETTERS_AN_INCH * figure.get_figwidth())
    lines = [Line2D([], [], color=colour, label=fill(label, letters), linewidth=2) for colour, label in names]
    figure.legend(handles=lines, loc="outside lower left", frameon=False, fontsize=9, labelcolor=INK)
