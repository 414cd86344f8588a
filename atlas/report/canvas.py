"""The canvas of a report's figures: colours, sizes, titles, and their output as PNG and into the page.

Matrices are cividis, differences from purple over white to orange (PuOr), lines Okabe and Ito's colours: all three are
told apart by colour-blind people.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from atlas.report.summary import Summary
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE = "#1d1d22", "#8d8d97", "#d9d9e0"
BEST, WORST, THIRD = "#0072b2", "#d55e00", "#009e73"
PAPER = "#fffffe"  # behind a text that lines cross
PAGE_COLOURS = {INK: "currentColor", MUTED: "var(--muted)", RULE: "var(--rule)", BEST: "var(--best)"}
PAGE_COLOURS |= {WORST: "var(--worst)", THIRD: "var(--third)", PAPER: "var(--card)"}
SMALLEST = 0.75  # of its size: narrower, a wide figure is scrolled rather than shrunk
PHONE = 4.4  # inches: the width of a figure that a phone shows whole, with letters that can be read
PREFIX = "mark."  # of the gid of an artist that bears a mark: the page's attribute `data-mark`
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def load_drawing(*, tests: bool) -> None:
    """Import what drawing needs, and read its fonts: a second, spent while steps are trained.

    `tests`: the report may have statistical tests, for which scipy takes another half.
    """
    for name in ("figure", "font_manager", "backends.backend_agg", "backends.backend_svg"):
        importlib.import_module(f"matplotlib.{name}")
    if tests:
        importlib.import_module("scipy.stats")


def cell_colours(score: float, low: float, high: float) -> tuple[str, str]:
    """(background, text) of a score on the cividis scale."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shade = colormaps["cividis"](float(np.clip((score - low) / (high - low), 0, 1)))
    bright = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] > 0.5
    return to_hex(shade), "#111111" if bright else "#ffffff"


def line_colour(score: float, low: float, high: float) -> str:
    """The colour of a line for a score, on a white page and on a dark one: the middle of the cividis scale."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["cividis"](0.3 + 0.55 * float(np.clip((score - low) / (high - low), 0, 1))))


def effect_colours(effect: float, limit: float) -> tuple[str, str]:
    """(background, text) of a difference from -limit (purple: harm) over 0 (white) to limit (orange: help)."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shade = colormaps["PuOr_r"](float(np.clip(0.5 + 0.4 * effect / limit, 0, 1)) if limit else 0.5)
    bright = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] > 0.5
    return to_hex(shade), "#111111" if bright else "#ffffff"


def save_png(figure: Figure, path: Path) -> Path:
    """Write the figure on white, for a screen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _plain_names(figure):
        figure.savefig(path, dpi=130, facecolor="white")
    return path


def inline_svg(figure: Figure, name: str) -> Markup:
    """The figure as SVG for a page: transparent, text as text, colours from the page, ids of its own.

    The title is left out: the page says it in words beside the figure. The result is safe in a page, because
    matplotlib escapes all text of the SVG and nothing below touches more than the inside of tags.
    """
    title = figure.get_suptitle()
    figure.suptitle("")
    text = io.StringIO()
    with _plain_names(figure, {**STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^<>]+>", lambda tag: _page_tag(tag.group(), name), svg)
    width = figure.get_figwidth() * 72
    least = 0 if figure.get_figwidth() <= PHONE else SMALLEST * width
    sized = f'width="100%" style="max-width:{width:.0f}pt;min-width:{least:.0f}pt"'
    svg = re.sub(r'width="[0-9.]+pt"', sized, svg, count=1)
    label = escape(title.replace("\n", ". "))
    svg = re.sub(r' height="[0-9.]+pt"', lambda _: f' role="img" aria-label="{label}"', svg, count=1)
    return Markup(svg)


def inline_pair(draw: Callable[..., Figure], name: str) -> Markup:
    """The figure that `draw` gives, for a wide page and, called with `narrow=True`, for a phone; one of them shows."""
    wide, narrow = inline_svg(draw(), name), inline_svg(draw(narrow=True), f"{name}-narrow")
    return Markup('<div class="on-wide">{}</div><div class="on-narrow">{}</div>').format(wide, narrow)


def _page_tag(tag: str, name: str) -> str:
    """A tag of the SVG with the page's font and colours, its mark, and ids that begin with the figure's name."""
    tag = re.sub(rf'id="{re.escape(PREFIX)}([^"]+)"', r'data-mark="\1"', tag)
    tag = re.sub(r"font: ([0-9.]+px) [^;\"]+", r"font-size: \1; font-family: inherit", tag)
    tag = re.sub(r"font-family: [^;\"]+", "font-family: inherit", tag)
    tag = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', tag)
    tag = re.sub(r"(url\(#|href=\"#)", rf"\1{name}-", tag)
    for ink, variable in PAGE_COLOURS.items():
        tag = tag.replace(ink, variable)
    return tag


@contextmanager
def _plain_names(figure: Figure, style: Mapping[Any, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw names as they are: matplotlib would typeset `$…$` in them as a formula, and fail where that is none."""
    import matplotlib as mpl
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
    with mpl.rc_context({**style, "text.parse_math": False}):
        yield


def new_figure(
    width: float, height: float, rows: int, columns: int, *, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure without pyplot's global state, and its axes in reading order."""
    import matplotlib as mpl

    from atlas.report.laid_figure import LaidFigure

    if rows < 1:
        raise UserError("the summary has no trial to draw.")
    with mpl.rc_context(STYLE):
        figure = LaidFigure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=share)
    return figure, list(panels.flat)


def panel_row(count: int, size: tuple[float, float], *, narrow: bool) -> tuple[Figure, list[Axes]]:
    """A figure of panels that share their y axis: a row, each of that width and height; in pairs if `narrow`."""
    if not narrow:
        return new_figure(size[0] * count + 0.6, size[1], 1, count, share=True)
    rows = -(-count // 2)
    figure, panels = new_figure(PHONE, 2.1 * rows + 1.2, rows, min(2, count), share=True)
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels


def widest(texts: Iterable[str], size: float) -> float:
    """The width of the widest of the texts in inches, in letters of that many points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer, font = RendererAgg(1, 1, 72), FontProperties(size=size)
    return max(renderer.get_text_width_height_descent(text, font, ismath=False)[0] for text in texts) / 72


def titled(figure: Figure, summary: Summary, definition: str, split: str, route: str) -> Figure:
    """The figure with its title: the definition, and below that the sweep, split, route and seeds."""
    seeds = ", ".join(map(str, summary.seeds))
    where = f"{summary.sweep.name} · split {split} · route {route} · seed {seeds}"
    figure.suptitle(f"{definition}\n{where}", x=0.01, ha="left", fontsize=10)
    return figure


def named_grid(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Make the axes a matrix with these names; the first row is on top."""
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.grid(visible=False)


def coloured_cell(axes: Axes, column: int, row: int, text: str, colours: tuple[str, str]) -> None:
    """Fill a cell of such a matrix; `colours` of the background and of the text."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=colours[0], linewidth=0))
    axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colours[1])
