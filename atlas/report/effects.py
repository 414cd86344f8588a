"""Heat maps of the precedence effects between tasks, and of the fusion weights of adapters at sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlas.metrics import Undefined
from atlas.report.canvas import cell_colours, effect_colours, new_figure, titled
from atlas.report.comparisons import precedence
from atlas.statistics import Interval, Precedence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Summary = Mapping[str, Any]
ROUTES = ("latest", "own")
DEFINITION = "Final score of the row's task: mean over orders with the column's task earlier − with it later (points)"


def is_clear(effect: Precedence) -> bool:
    """Whether the interval of the effect leaves 0 out."""
    between = effect.interval
    return isinstance(between, Interval) and (between.low > 0 or between.high < 0)


def effect_limit(summary: Summary) -> float:
    """The largest effect of either route: one colour scale for both."""
    found = [effect for route in ROUTES for effect in precedence(summary, route).values()]
    return max((abs(one.effect) for one in found if not isinstance(one, Undefined)), default=0.0)


def precedence_maps(summary: Summary, *, split: str = "test") -> Figure:
    """A panel a route; row: the task that is scored, column: the task that comes earlier or later."""
    tasks, limit = list(summary["tasks"]), effect_limit(summary)
    size = 0.85 * len(tasks)
    figure, panels = new_figure(2 * (size + 1.6), size + 2.0, 1, 2)
    for axes, route in zip(panels, ROUTES, strict=True):
        effects = precedence(summary, route, split)
        _grid(axes, tasks, tasks)
        axes.set_title(f"route {route}", loc="left", fontsize=10)
        for (task, other), effect in effects.items():
            if not isinstance(effect, Undefined):
                text = f"{effect.effect:+.1f}{'*' if is_clear(effect) else ''}".replace("-", "−")
                place = tasks.index(other), tasks.index(task)
                _cell(axes, *place, text, effect_colours(effect.effect, limit))
    return titled(figure, summary, f"{DEFINITION}; *: 95 % interval without 0", split, "latest and own")


def alpha_maps(summary: Summary) -> Figure:
    """A panel a task of the best trial's order; row: the site, column: the adapter; number: the mean α."""
    found: Sequence[Mapping[str, Any]] = summary["alpha"]
    low, high = weight_range(summary)
    widest, sites = max(len(one["adapters"]) for one in found), max(len(one["sites"]) for one in found)
    figure, panels = new_figure(len(found) * (0.62 * widest + 1.7), 0.34 * sites + 2.2, 1, len(found))
    for axes, one in zip(panels, found, strict=True):
        _grid(axes, one["adapters"], [site_name(site) for site in one["sites"]])
        axes.set_title(f"learning {one['task']}", loc="left", fontsize=10)
        for row, weights in enumerate(one["mean"]):
            for column, weight in enumerate(weights):
                _cell(axes, column, row, f"{weight:.2f}", cell_colours(weight, low, high))
    what = "Mean combination weight α of each adapter at each site, over records of the task being learnt"
    seeds = sorted({one["seed"] for one in found})
    return titled(figure, {**summary, "seeds": seeds}, what, found[0]["split"], "own")


def weight_range(summary: Summary) -> tuple[float, float]:
    """The range of all α, so that one colour scale serves all panels; never narrower than 0.1."""
    values = [weight for one in summary["alpha"] for row in one["mean"] for weight in row]
    low, high = min(values), max(values)
    return (low, high) if high - low >= 0.1 else ((low + high) / 2 - 0.05, (low + high) / 2 + 0.05)


def site_name(site: str) -> str:
    """`encoder.layer.3.attention.output.dense` in a person's words: `layer 4 attention`."""
    number = next((int(part) + 1 for part in site.split(".") if part.isdigit()), None)
    what = "attention" if "attention" in site else "MLP"
    return site if number is None else f"layer {number} {what}"


def _grid(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.grid(visible=False)


def _cell(axes: Axes, column: int, row: int, text: str, colours: tuple[str, str]) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=colours[0], linewidth=0))
    axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colours[1])
