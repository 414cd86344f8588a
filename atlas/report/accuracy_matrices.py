"""The matrices R of many trials in one figure: a row a step of the trial's order, a column a task of it.

All are drawn on one pair of axes, whose unit is an inch: axes of their own, with their ticks and spines, take three
times as long, and a sweep ends with these figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.report.canvas import WORST, cell_colours, new_figure, titled, widest
from atlas.report.figures import score_range
from atlas.report.summary import Route, Split, Summary, TrialRow
from atlas.report.tables import bare_scores, leaderboard, matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ABREAST = 6  # matrices in a row
SIDE, GAP = 1.8, 0.07  # inches: of a matrix, and between its edge and a name
HEAD, TITLE = 0.75, 5.6  # inches: the height of the figure's title, and the width of most
ABOVE = 0.3  # inches: the title of a matrix
LARGEST, LETTERS = 10.0, 36.0  # points of a score: at most, and an inch of its cell
SMALL, BARE = 8, "zero-shot"  # points: the size of names; the name of the bare backbone's row
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A matrix to be drawn. values: percent, shape (rows, columns), NaN where there is none; `above` rows come before
    that of the first task, so that column j is learnt in row `above` + j."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray
    above: int

    @property
    def side(self) -> float:
        """The side of a cell in inches."""
        return SIDE / max(self.values.shape)

    @property
    def letters(self) -> float:
        """The size of the scores in points: three digits fit into a cell."""
        return min(LARGEST, LETTERS * self.side)

    def is_ahead(self, row: int, column: int) -> bool:
        """Whether the column's task is still to come in this row."""
        return column > row - self.above

    @property
    def shows_ahead(self) -> bool:
        """Whether a task's score before it is learnt is shown, beside those of the bare backbone."""
        rows, columns = np.nonzero(np.isfinite(self.values[self.above :]))
        return bool((columns > rows).any())


def accuracy_matrices(summary: Summary, *, split: Split = "test", route: Route = "latest", most: int = 24) -> Figure:
    """R of the first `most` trials of the leaderboard: a row a step of the order, a column a task of it.

    The bare backbone's row comes first, where it has one; scores of tasks still to come are in italics, above a line.

    Raises:
        UserError: the summary has no trial.
    """
    shown = _shown(summary, split, route, most)
    names = widest({name for cells in shown for name in (*cells.rows, *cells.columns)} | {BARE}, SMALL)
    wide, high = names + 0.15 + SIDE + 0.05, ABOVE + SIDE + 0.65 * names + 0.2  # names of columns are tilted
    columns = min(ABREAST, len(shown))
    width, height = max(columns * wide, TITLE), -(-len(shown) // columns) * high + HEAD
    figure, axes = _sheet(width, height)
    for place, cells in enumerate(shown):
        row, column = divmod(place, columns)
        _draw(axes, cells, ((column + 1) * wide - 0.05 - SIDE, HEAD + row * high + ABOVE), score_range(summary))
    return titled(figure, summary, "R[i, j]: score (%) on the task of column j after learning row i", split, route)


def _shown(summary: Summary, split: Split, route: Route, most: int) -> list[Cells]:
    by_id = {trial.id: trial for trial in summary.trials}
    ranked = [by_id[row.trial] for row in leaderboard(summary)][:most]
    return [_cells(summary, trial, f"{place}. trial {trial.id}", split, route) for place, trial in enumerate(ranked, 1)]


def _cells(summary: Summary, trial: TrialRow, title: str, split: Split, route: Route) -> Cells:
    R, before = matrix(trial, split, route), bare_scores(summary, trial, split, route)
    short = [name if len(name) <= 10 else name[:9] + "…" for name in trial.order]
    above = int(len(before) > 0)
    values = np.vstack([before, R]) if above else R
    return Cells(title=title, rows=[*[BARE] * above, *short], columns=short, values=values, above=above)


def _sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of that size in inches, and axes that cover it: x to the right and y down, in inches."""
    figure, (axes,) = new_figure(width, height, 1, 1)
    figure.set_layout_engine(None)
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return figure, axes


def _draw(axes: Axes, cells: Cells, corner: tuple[float, float], limits: tuple[float, float]) -> None:
    """Draw a matrix whose upper left corner lies there, with its names and its title."""
    side, (left, top) = cells.side, corner
    _fill(axes, cells, corner, limits)
    if cells.shows_ahead:
        edges = side * np.arange(len(cells.columns) + 1)
        axes.step(left + edges, top + cells.above * side + edges, where="post", color=WORST)
    axes.text(left, top - 0.09, cells.title, va="bottom")
    for row, name in enumerate(cells.rows):
        axes.text(left - GAP, top + (row + 0.5) * side, name, ha="right", va="center", fontsize=SMALL)
    bottom = top + len(cells.rows) * side + GAP
    for column, name in enumerate(cells.columns):
        at = left + (column + 0.5) * side, bottom
        axes.text(*at, name, rotation=40, ha="right", va="top", fontsize=SMALL)


def _fill(axes: Axes, cells: Cells, corner: tuple[float, float], limits: tuple[float, float]) -> None:
    """Colour its cells, and write the scores into them."""
    from matplotlib.collections import PolyCollection

    found = [(int(row), int(column)) for row, column in zip(*np.nonzero(np.isfinite(cells.values)), strict=True)]
    colours = [cell_colours(cells.values[place], *limits) for place in found]
    squares = [corner + cells.side * (CORNERS + place[::-1]) for place in found]
    axes.add_collection(
        PolyCollection(squares, facecolors=[back for back, _ in colours], linewidth=0, antialiased=False)
    )
    for (row, column), (_, ink) in zip(found, colours, strict=True):
        style: Any = "italic" if cells.is_ahead(row, column) else "normal"
        x, y = np.add(corner, cells.side * np.array([column + 0.5, row + 0.5]))
        score: Any = {"style": style, "color": ink, "fontsize": cells.letters}
        axes.text(x, y, f"{cells.values[row, column]:.0f}", ha="center", va="center", **score)
