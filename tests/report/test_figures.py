from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from atlas.report import canvas, figures
from tests.report.beyond import scored_beyond
from tests.report.conftest import Document, of_trials, typed

OF_SCORES = [figures.heat_maps, figures.forgetting_curves, figures.order_sensitivity]


@pytest.mark.parametrize("draw", OF_SCORES)
def test_a_title_names_definition_split_route_and_seeds(summary: Document, draw: Any) -> None:
    title = draw(typed({**summary, "seeds": [1, 2]}), split="val", route="own").get_suptitle()
    assert "split val · route own · seed 1, 2" in title
    assert "core" in title.splitlines()[0]


def test_heat_maps_show_the_numbers_in_the_leaderboards_order(summary: Document) -> None:
    figure = figures.heat_maps(typed(summary), most=5)
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 5
    best = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert shown[0].get_title(loc="left") == f"1. trial {best['id']}"
    assert shown[0].texts[0].get_text() == f"{best['R']['test']['latest'][0][0]:.0f}"
    assert len(shown[0].texts) == 10  # the lower triangle


@pytest.mark.parametrize("trials", [1, 2, 7, 24])
def test_heat_maps_have_room_for_every_name_and_for_the_title(summary: Document, trials: int) -> None:
    """Their layout is given, not computed from the names."""
    renamed = json.loads(
        json.dumps(summary).replace('"digits"', '"mmmmmmmmmmmmmm"').replace('"easy-vqa"', '"zero-shotX"')
    )
    figure = figures.heat_maps(typed(renamed), most=trials)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    shown = [axes.get_tightbbox(renderer) for axes in figure.axes if axes.axison]
    (title,) = (text.get_window_extent() for text in figure.texts)
    whole = [one.extents for one in (*shown, title) if one is not None]
    width, height = figure.bbox.size
    assert len(whole) == trials + 1
    assert all(x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height for x0, y0, x1, y1 in whole)
    apart = [
        one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
        for one, two in combinations(whole, 2)
    ]
    assert all(apart)


@pytest.mark.parametrize(("route", "bare"), [("latest", "30"), ("free", "40")])
def test_a_heat_map_begins_with_the_bare_backbone_and_marks_tasks_to_come(
    summary: Document, route: Any, bare: str
) -> None:
    (axes,) = figures.heat_maps(typed(scored_beyond(summary)), route=route).axes
    texts = [(text.get_text(), text.get_style()) for text in axes.texts]
    assert texts[:4] == [(bare, "italic")] * 4
    assert [style for _, style in texts[4:8]] == ["normal", "italic", "italic", "italic"]
    assert axes.get_yticklabels()[0].get_text() == "zero-shot"
    assert len(axes.texts) == 4 * 5
    assert len(axes.lines) == 1  # between what is learnt and what is to come


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
