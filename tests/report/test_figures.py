from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atlas.report import canvas, figures
from atlas.report.accuracy_matrices import accuracy_matrices
from tests.report.conftest import Document, of_trials, typed

OF_SCORES = [accuracy_matrices, figures.forgetting_curves, figures.order_sensitivity]


@pytest.mark.parametrize("draw", OF_SCORES)
def test_a_title_names_definition_split_route_and_seeds(summary: Document, draw: Any) -> None:
    title = draw(typed({**summary, "seeds": [1, 2]}), split="val", route="own").get_suptitle()
    assert "split val · route own · seed 1, 2" in title
    assert "core" in title.splitlines()[0]


def test_forgetting_starts_at_the_step_where_the_task_was_learnt(summary: Document) -> None:
    figure = figures.forgetting_curves(typed(summary))
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert len(axes.lines) == 24
        assert all(line.get_xdata()[0] == 0 for line in axes.lines)


def test_orders_of_other_settings_are_not_mixed_into_the_spread(summary: Document) -> None:
    for number, trial in enumerate(summary["trials"]):
        trial["settings"] = {"r": number % 2}
    (axes,) = figures.order_sensitivity(typed(summary)).axes
    assert len(axes.lines) == 4 + 12  # a bar a task, a line an order
    assert len(axes.texts) == 4


def test_the_bars_of_sharing_are_the_counts(summary: Document) -> None:
    (axes,) = figures.sharing(typed(summary)).axes
    assert [bar.get_width() for bar in axes.patches] == [96, 64, 55]


def test_the_scale_covers_all_scores_in_tens(summary: Document) -> None:
    low, high = figures.score_range(typed(summary))
    assert (low % 10, high % 10) == (0, 0)
    assert figures.score_range(typed(of_trials(summary, []))) == (0.0, 100.0)


def test_text_on_a_cell_contrasts_with_it() -> None:
    assert canvas.cell_colours(0, 0, 100)[1] == "#ffffff"
    assert canvas.cell_colours(100, 0, 100)[1] == "#111111"


def test_an_inline_figure_follows_the_pages_font_and_colours(summary: Document) -> None:
    svg = canvas.inline_svg(figures.order_sensitivity(typed(summary)), "order")
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert "Final score" in (root.get("aria-label") or "")
    assert "currentColor" in svg
    assert not [ink for ink in canvas.PAGE_COLOURS if ink in svg]
    assert "DejaVu" not in svg
    texts = [node for node in root.iter() if node.tag.endswith("}text")]
    assert texts
    assert all("currentColor" in (node.get("style") or "") for node in texts)


def test_ids_of_two_inline_figures_do_not_meet(summary: Document) -> None:
    read = typed(summary)
    names = [
        {node.get("id") for node in ElementTree.fromstring(canvas.inline_svg(draw(read), name)).iter()} - {None}
        for draw, name in ((figures.order_sensitivity, "a"), (figures.forgetting_curves, "b"))
    ]
    assert not names[0] & names[1]


def test_a_png_is_written(summary: Document, tmp_path: Path) -> None:
    path = canvas.save_png(figures.sharing(typed(summary)), tmp_path / "deep" / "sharing.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_importing_the_report_imports_nothing_heavy() -> None:
    program = "import sys, atlas.report; sys.exit(bool({'matplotlib', 'torch', 'mlflow', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_curves_of_a_sweep_of_settings_name_the_setting_beside_the_order(tuned: Document) -> None:
    figure = figures.forgetting_curves(typed(tuned))
    (legend,) = figure.legends
    first = legend.get_texts()[0].get_text().replace("\n", " ")
    assert first.endswith("(bottleneck, learned, softmax, weighting whole, rank 16)")
    assert all(float(tick).is_integer() for axes in figure.axes if axes.axison for tick in axes.get_xticks())
