"""View values that several sections show: tables, matrices, colour scales. Plain text; the templates escape it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from atlas.metrics import Metric, Undefined
from atlas.report.formats import MISSING, bounds, number
from atlas.statistics import Interval

Colours = tuple[str, str]  # of the background and of the text, as #rrggbb
SCALE_STOPS = 5
ROWS_SHOWN = 24  # of a table; the others are folded


class Section(Protocol):
    """A part of the page: a frozen dataclass of its values, and the name of the template that draws them."""

    template: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table; `left`: it holds words and is set to the left."""

    heading: str
    left: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A table's cell: text, or an order of tasks. `title` appears on hover, `badge` behind the cell's content."""

    text: str = ""
    title: str = ""
    order: tuple[str, ...] = ()
    badge: str = ""
    form: Literal["plain", "strong", "sentence"] = "plain"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells, a string or a `Cell` each. `best`: the first row is marked. Rows after `limit` are folded.

    `marks`: of each row, where it has lines or dots in the figures (`atlas.report.marks`).
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    best: bool = False
    limit: int | None = None
    marks: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[tuple[Cell | str, ...], ...]:
        """The rows before the fold."""
        return self.rows[: self.limit]

    @property
    def folded(self) -> tuple[tuple[Cell | str, ...], ...]:
        """The rows behind it."""
        return () if self.limit is None else self.rows[self.limit :]


@dataclass(frozen=True, kw_only=True)
class MatrixCell:
    """A matrix's cell; without colours it is empty. `title` appears on hover. `ahead`: of a task still to come."""

    text: str = ""
    colours: Colours | None = None
    title: str = ""
    ahead: bool = False


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """A named row of a matrix."""

    name: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A small matrix with named rows and columns; `corner` says what they are."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A matrix with its heading and a note below that."""

    heading: str
    matrix: Matrix
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A colour scale: the words at its ends and the colours between, evenly spaced."""

    low: str
    high: str
    stops: tuple[str, ...]


def columns(*headings: str, left: Iterable[int] = ()) -> tuple[Column, ...]:
    """Columns by their headings; those at the places `left` hold words."""
    words = set(left)
    return tuple(Column(heading=heading, left=place in words) for place, heading in enumerate(headings))


def number_cell(value: float | None, unit: str = "", *, sign: bool = False, why: str = "") -> Cell | str:
    """`formats.number`; a missing one says `why` on hover."""
    text = number(value, unit, sign=sign)
    return Cell(text=text, title=why) if why and text == MISSING else text


def metric_cell(metric: Metric, value: float | None, *, why: str = "") -> Cell | str:
    """A metric's value: a share in percent, or a difference in points with its sign."""
    if metric.unit == "%":
        return number_cell(value, " %", why=why)
    return number_cell(value, sign=True, why=why)


def bounds_cell(found: Interval | Undefined) -> Cell | str:
    """`formats.bounds`; an undefined interval says why on hover."""
    return Cell(text=MISSING, title=found.reason) if isinstance(found, Undefined) else bounds(found)


def evenly(low: float, high: float) -> list[float]:
    """The values of a colour scale's stops, from `low` to `high`."""
    return [low + part * (high - low) / (SCALE_STOPS - 1) for part in range(SCALE_STOPS)]
