"""Figures of a settings sweep: slices, parallel coordinates, and the two parameters that explain most together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.report.canvas import (
    BEST,
    INK,
    MUTED,
    PAPER,
    PHONE,
    THIRD,
    cell_colours,
    coloured_cell,
    line_colour,
    named_grid,
    new_figure,
)
from atlas.report.marks import put_mark, settings_mark
from atlas.report.objective import goal_in_words
from atlas.report.parameters import Parameter, level_places
from atlas.report.settings import SettingRow, value_text
from atlas.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 9
COLUMNS = 3
ABSENT = "not asked"
LONGEST = 14  # letters of a value beside an axis


def slices(
    summary: Summary, rows: Sequence[SettingRow], parameters: Sequence[Parameter], *, narrow: bool = False
) -> Figure:
    """A panel a parameter: the objective of every setting over its value, and the mean of each level."""
    shown = parameters[:MOST_PANELS]
    columns = min(2 if narrow else COLUMNS, len(shown))
    height = -(-len(shown) // columns)
    width = PHONE if narrow else max(4.6, 2.9 * columns + 0.5)
    figure, panels = new_figure(width, 2.6 * height + 0.9, height, columns, share=True)
    for axes, parameter in zip(panels, shown, strict=False):
        _slice(axes, parameter, rows)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel("objective (val)")
    about = "Each dot is a setting, its line the range of its orders; bar: mean of the value; blue: the best setting"
    return _titled(figure, summary, about)


def parallel_coordinates(
    summary: Summary, rows: Sequence[SettingRow], parameters: Sequence[Parameter], *, narrow: bool = False
) -> Figure:
    """A line a setting through its value of each parameter, to its objective; coloured by that."""
    shown = parameters[:MOST_PANELS]
    figure, (axes,) = new_figure(PHONE if narrow else max(5.0, 1.55 * (len(shown) + 1) + 0.9), 4.2, 1, 1)
    scores = np.array([row.score for row in rows])
    heights = [*(_heights(parameter, len(rows)) for parameter in shown), _scaled(scores)]
    for place in reversed(range(len(rows))):
        line = [column[place] for column in heights]
        best = place == 0
        colour = BEST if best else line_colour(scores[place], *_range(scores))
        style: dict[str, Any] = {"color": colour, "linewidth": 2.6 if best else 1.1, "alpha": 1 if best else 0.75}
        put_mark(settings_mark(rows[place].label), axes.plot(range(len(line)), line, **style))
    for column, parameter in enumerate(shown):
        _name_values(axes, column, parameter)
    low, high = _range(scores)
    for share, score in ((0.0, low), (1.0, high)):
        _beside(axes, len(shown), share, f"{score:.1f}")
    names = [*("\n".join(wrap(one.name.replace("_", " "), LONGEST)) for one in shown), "val"]
    tilt: dict[str, Any] = {"rotation": 40, "ha": "right"} if narrow and len(names) > 3 else {}
    axes.set_xticks(range(len(heights)), names, fontsize=9, **tilt)
    axes.set_xlim(-0.35, len(heights) - 0.35)
    axes.set_ylim(-0.2, 1.12)
    axes.set_yticks([])
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    return _titled(figure, summary, "Each line is a setting; blue: the best")


def contour(
    summary: Summary, rows: Sequence[SettingRow], first: Parameter, second: Parameter, *, narrow: bool = False
) -> Figure:
    """The objective over two parameters: contours between settings of two continuous ones, else a cell a pair."""
    if all(one.is_numeric and len(set(one.values.values())) > len(one.levels) for one in (first, second)):
        return _surface(summary, rows, first, second, narrow=narrow)
    return _cells(summary, rows, first, second, narrow=narrow)


def contour_pair(parameters: Sequence[Parameter]) -> tuple[Parameter, Parameter] | None:
    """The first two parameters that some settings have both; None where there are none."""
    pairs = combinations(parameters, 2)
    return next((pair for pair in pairs if pair[0].values.keys() & pair[1].values.keys()), None)


def _slice(axes: Axes, parameter: Parameter, rows: Sequence[SettingRow]) -> None:
    continuous = parameter.is_numeric and len(set(parameter.values.values())) > len(parameter.levels)
    across: dict[int, float] = {}
    for place, members in enumerate(level_places(parameter.values).values()):
        for number, member in enumerate(sorted(members)):
            spread = 0.0 if len(members) == 1 else 0.36 * (number / (len(members) - 1) - 0.5)
            across[member] = float(parameter.values[member]) if continuous else place + spread  # type: ignore[arg-type]
    for member, x in across.items():
        row, colour = rows[member], BEST if member == 0 else MUTED
        if row.spread is not None:
            ends = [row.worst, row.worst + row.spread]
            put_mark(settings_mark(row.label), axes.plot([x, x], ends, color=colour, linewidth=1.2, alpha=0.7))
        size = 7 if member == 0 else 5
        dot = axes.plot([x], [row.score], marker="o", markersize=size, color=colour, linestyle="none")
        put_mark(settings_mark(row.label), dot)
    if continuous:
        axes.set_xscale("log" if parameter.is_logarithmic else "linear")
        if not parameter.is_logarithmic:
            axes.locator_params(axis="x", nbins=4)
    else:
        for place, level in enumerate(parameter.levels):
            mean = float(np.mean(level.scores))
            axes.plot([place - 0.28, place + 0.28], [mean, mean], color=THIRD, linewidth=2.4, alpha=0.85)
        names = [_clipped(level.name) for level in parameter.levels]
        tilted = sum(map(len, names)) > 24
        axes.set_xticks(
            range(len(names)), names, fontsize=8, rotation=30 if tilted else 0, ha="right" if tilted else "center"
        )
        axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_title(parameter.name.replace("_", " "), loc="left", fontsize=10)


def _heights(parameter: Parameter, count: int) -> list[float]:
    """The place of each setting on a parameter's axis, from 0 to 1; those that lack it stand below."""
    if parameter.is_numeric and len(set(parameter.values.values())) > len(parameter.levels):
        numbers = np.array([float(value) for value in parameter.values.values()])  # type: ignore[arg-type]
        scaled = dict(
            zip(parameter.values, _scaled(np.log(numbers) if parameter.is_logarithmic else numbers), strict=True)
        )
    else:
        places = level_places(parameter.values)
        top = max(1, len(places) - 1)
        scaled = {member: number / top for number, members in enumerate(places.values()) for member in members}
    return [scaled.get(place, -0.13) for place in range(count)]


def _name_values(axes: Axes, column: int, parameter: Parameter) -> None:
    """The values beside a parameter's axis, all of a few, else the least and the most."""
    if parameter.is_numeric and len(set(parameter.values.values())) > len(parameter.levels):
        numbers = sorted(parameter.values.values())  # type: ignore[type-var]
        names = {0.0: value_text(numbers[0]), 1.0: value_text(numbers[-1])}
    else:
        top = max(1, len(parameter.levels) - 1)
        names = {number / top: level.name for number, level in enumerate(parameter.levels)}
    for height, name in names.items():
        _beside(axes, column, height, _clipped(name))
    if len(parameter.values) < max(parameter.values) + 1:
        _beside(axes, column, -0.13, ABSENT)


def _beside(axes: Axes, column: float, height: float, text: str) -> None:
    axes.annotate(
        text,
        (column, height),
        (6, 0),
        textcoords="offset points",
        fontsize=8,
        color=INK,
        va="center",
        zorder=5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.2, "alpha": 0.85},
    )


def _cells(
    summary: Summary, rows: Sequence[SettingRow], first: Parameter, second: Parameter, *, narrow: bool
) -> Figure:
    across, down = level_places(first.values), level_places(second.values)
    width = PHONE if narrow else max(4.6, 0.95 * len(across) + 2.6)
    figure, (axes,) = new_figure(width, 0.5 * len(down) + 2.3, 1, 1)
    found = {
        (x, y): [rows[place].score for place in right if place in below]
        for x, right in enumerate(across.values())
        for y, below in enumerate(down.values())
    }
    means = np.array([np.mean(scores) for scores in found.values() if scores])
    low, high = _range(means) if len(means) else (0.0, 1.0)
    named_grid(axes, [_clipped(name) for name in across], [_clipped(name) for name in down])
    for (x, y), scores in found.items():
        if scores:
            mean, count = float(np.mean(scores)), f" ({len(scores)})" if len(scores) > 1 else ""
            coloured_cell(axes, x, y, f"{mean:.1f}{count}", cell_colours(mean, low, high))
    axes.set_xlabel(first.name.replace("_", " "))
    axes.set_ylabel(second.name.replace("_", " "))
    return _titled(figure, summary, "The mean objective by two parameters (settings with both)")


def _surface(
    summary: Summary, rows: Sequence[SettingRow], first: Parameter, second: Parameter, *, narrow: bool
) -> Figure:
    both = sorted(first.values.keys() & second.values.keys())
    x, y = (np.array([float(one.values[place]) for place in both]) for one in (first, second))  # type: ignore[arg-type]
    scores = np.array([rows[place].score for place in both])
    figure, (axes,) = new_figure(PHONE if narrow else 5.6, 4.4, 1, 1)
    if len(both) > 3:  # a surface takes a triangle, and more to be one
        drawn = axes.tricontourf(x, y, scores, levels=9, cmap="cividis", alpha=0.9)
        figure.colorbar(drawn, ax=axes, label="objective (val)")
    axes.plot(x, y, "o", markersize=4.5, color="white", markeredgecolor=INK, markeredgewidth=0.7)
    if both and both[0] == 0:
        axes.plot(x[:1], y[:1], "o", markersize=8, color=BEST, markeredgecolor="white")
    for axis, one in (("x", first), ("y", second)):
        getattr(axes, f"set_{axis}scale")("log" if one.is_logarithmic else "linear")
        getattr(axes, f"set_{axis}label")(one.name.replace("_", " "))
    return _titled(figure, summary, "The objective between settings; dots: those that were tried; blue: the best")


def _scaled(values: np.ndarray) -> list[float]:
    low, high = _range(values)
    return [float(share) for share in (values - low) / (high - low)]


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _titled(figure: Figure, summary: Summary, about: str) -> Figure:
    seeds = ", ".join(map(str, summary.seeds))
    where = f"{summary.sweep.name} · split val · {goal_in_words(summary)} · seed {seeds}"
    figure.suptitle(f"{about}\n{where}", x=0.01, ha="left", fontsize=10)
    return figure
