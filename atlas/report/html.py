"""Pieces of the page: tables, lists, orders, numbers; everything a person named is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from atlas.metrics import Undefined
from atlas.statistics import Interval, Mean


def table(head: Sequence[str], body: Iterable[Sequence[str]], *, wide: set[int], best: bool = False) -> str:
    """A table of ready HTML cells; columns in `wide` hold words and are set to the left."""

    def row(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=w' if index in wide else ''}>{cell}</{tag}>" for index, cell in enumerate(cells)
        )

    lines = [
        f"<tr{' class=best' if best and place == 0 else ''}>{row(cells, 'td')}</tr>" for place, cells in enumerate(body)
    ]
    return f"<table><thead><tr>{row(head, 'th')}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def pairs(shown: Mapping[str, Any]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in shown.items()) + "</dl>"


def arrows(order: Sequence[str]) -> str:
    """The order, broken across lines between tasks alone."""
    return '<span class="arrow">→</span><wbr>'.join(f'<span class="task">{escape(task)}</span>' for task in order)


def grid(corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    """A small matrix: `rows` are (name, ready <td> cells)."""
    head = "".join(f'<th title="{escape(name)}"><span>{escape(name)}</span></th>' for name in columns)
    lines = (
        f'<tr><th class="row" title="{escape(name)}">{escape(name)}</th>{"".join(cells)}</tr>' for name, cells in rows
    )
    return f'<table><tr><th class="row">{escape(corner)}</th>{head}</tr>{"".join(lines)}</table>'


def coloured(text: str, colours: tuple[str, str], title: str = "") -> str:
    """A cell of a matrix on its (background, text) colours."""
    about = f' title="{escape(title)}"' if title else ""
    return f'<td style="background:{colours[0]};color:{colours[1]}"{about}>{escape(text)}</td>'


def interval(mean: Mean | Undefined) -> str:
    """`71.2 ± 0.8`; without the second number where it is undefined."""
    if isinstance(mean, Undefined):
        return "–"
    found = mean.interval
    half = "" if isinstance(found, Undefined) else f" ± {(found.high - found.low) / 2:.1f}"
    return number(mean.value) + half


def seeds(summary: Mapping[str, Any]) -> str:
    return ", ".join(map(str, summary["seeds"]))


def number(value: float | None, unit: str = "", *, sign: bool = False, why: str = "") -> str:
    """One decimal; a dash, that says `why`, where there is none."""
    if value is None or not np.isfinite(value):
        return f'<span title="{escape(why)}">–</span>' if why else "–"
    return f"{value:{'+' if sign else ''}.1f}{unit}".replace("-", "−")


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def bounds(found: Interval | Undefined) -> str:
    """`+0.4 to +2.1`; a dash that says why where it is undefined."""
    if isinstance(found, Undefined):
        return f'<span title="{escape(found.reason)}">–</span>'
    return f"{number(found.low, sign=True)} to {number(found.high, sign=True)}"


def rounded(*values: float) -> list[str]:
    """Two significant digits, as p values and correlations have."""
    return [f"{value:.2g}".replace("-", "−") for value in values]
