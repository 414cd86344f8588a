"""Heat maps of the precedence effects: a task's final score with another task earlier, minus with it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.metrics import Undefined
from atlas.report.canvas import coloured_cell, effect_colours, named_grid, new_figure, titled
from atlas.report.comparisons import precedence
from atlas.report.summary import TOLD, Split, Summary
from atlas.statistics import Interval, Precedence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFINITION = "Final score of the row's task: mean over orders with the column's task earlier − with it later (points)"


def is_clear(effect: Precedence) -> bool:
    """True where the interval of the effect leaves 0 out."""
    between = effect.interval
    return isinstance(between, Interval) and (between.low > 0 or between.high < 0)


def effect_limit(summary: Summary) -> float:
    """The largest effect of either route: one colour scale for both."""
    found = [effect for route in TOLD for effect in precedence(summary, route).values()]
    return max((abs(one.effect) for one in found if not isinstance(one, Undefined)), default=0.0)


def precedence_maps(summary: Summary, *, split: Split = "test") -> Figure:
    """A panel a route; row: the task that is scored, column: the task that comes earlier or later."""
    tasks, limit = list(summary.tasks), effect_limit(summary)
    size = 0.85 * len(tasks)
    figure, panels = new_figure(2 * (size + 1.6), size + 2.0, 1, 2)
    for axes, route in zip(panels, TOLD, strict=True):
        effects = precedence(summary, route, split)
        named_grid(axes, tasks, tasks)
        axes.set_title(f"route {route}", loc="left", fontsize=10)
        for (task, other), effect in effects.items():
            if not isinstance(effect, Undefined):
                text = f"{effect.effect:+.1f}{'*' if is_clear(effect) else ''}".replace("-", "−")
                place = tasks.index(other), tasks.index(task)
                coloured_cell(axes, *place, text, effect_colours(effect.effect, limit))
    return titled(figure, summary, f"{DEFINITION}; *: 95 % interval without 0", split, "latest and own")
