"""What all figures of a report stand on: colours, sizes, titles, and the ways out as PNG and into a page.

Matrices are cividis, differences from purple over white to orange (PuOr), lines Okabe and Ito's colours: all three are
told apart by colour-blind people.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlas.runtime.errors import AtlasError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Summary = Mapping[str, Any]

INK, MUTED, RULE = "#1d1d22", "#8d8d97", "#d9d9e0"
BEST, WORST, THIRD = "#0072b2", "#d55e00", "#009e73"
PAGE_COLOURS = {INK: "currentColor", MUTED: "var(--muted)", RULE: "var(--rule)", BEST: "var(--best)"}
PAGE_COLOURS |= {WORST: "var(--worst)", THIRD: "var(--third)"}
SMALLEST = 0.75  # of its size: narrower, a figure is scrolled rather than shrunk, so that it can be read on a phone
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


def cell_colours(score: float, low: float, high: float) -> tuple[str, str]:
    """(background, text) of a score on the cividis scale."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    shade = colormaps["cividis"](float(np.clip((score - low) / (high - low), 0, 1)))
    bright = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] > 0.5
    return to_hex(shade), "#111111" if bright else "#ffffff"


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
    figure.savefig(path, dpi=130, facecolor="white")
    return path


def inline_svg(figure: Figure, name: str) -> str:
    """The figure as SVG for a page: transparent, text as text, colours from the page, ids of its own.

    The title is left out: the page says it in words beside the figure.
    """
    import matplotlib as mpl

    title = figure.get_suptitle()
    figure.suptitle("")
    figure.canvas.draw()
    text = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([0-9.]+px) [^;\"]+", r"font-size: \1; font-family: inherit", svg)
    svg = re.sub(r"font-family: [^;\"]+", "font-family: inherit", svg)
    svg = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"(url\(#|href=\"#)", rf"\1{name}-", svg)
    width = figure.get_figwidth() * 72
    sized = f'width="100%" style="max-width:{width:.0f}pt;min-width:{SMALLEST * width:.0f}pt"'
    svg = re.sub(r'width="[0-9.]+pt"', sized, svg, count=1)
    svg = re.sub(r' height="[0-9.]+pt"', f' role="img" aria-label="{_escaped(title)}"', svg, count=1)
    for ink, variable in PAGE_COLOURS.items():
        svg = svg.replace(ink, variable)
    return svg


def new_figure(
    width: float, height: float, rows: int, columns: int, *, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure without pyplot's global state, and its axes in reading order."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if rows < 1:
        raise AtlasError("the summary has no trial to draw.")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=share)
    return figure, list(panels.flat)


def titled(figure: Figure, summary: Summary, definition: str, split: str, route: str) -> Figure:
    seeds = ", ".join(map(str, summary["seeds"]))
    where = f"{summary['sweep']['name']} · split {split} · route {route} · seed {seeds}"
    figure.suptitle(f"{definition}\n{where}", x=0.01, ha="left", fontsize=10)
    return figure


def _escaped(text: str) -> str:
    from html import escape

    return escape(text.replace("\n", ". "), quote=True).replace("\\", "/")
