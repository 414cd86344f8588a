from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from atlas.report import canvas, figures
from atlas.runtime.errors import AtlasError
from tests.report.conftest import typed


def test_harm_and_help_are_purple_and_orange_and_none_is_white() -> None:
    harm, none, help_ = (canvas.effect_colours(effect, 10)[0] for effect in (-10, 0, 10))
    red, _, blue = (int(harm[place : place + 2], 16) for place in (1, 3, 5))
    assert blue > red
    red, _, blue = (int(help_[place : place + 2], 16) for place in (1, 3, 5))
    assert red > blue
    assert all(int(none[place : place + 2], 16) > 230 for place in (1, 3, 5))
    assert canvas.effect_colours(0, 0)[1] == "#111111"


def test_a_figure_without_a_panel_is_refused() -> None:
    with pytest.raises(AtlasError, match="no trial to draw"):
        canvas.new_figure(4, 4, 0, 1)


def test_names_are_drawn_as_they_are_and_escaped(summary: dict[str, Any], tmp_path: Path) -> None:
    name = 'a $\\frac$ id="x" <b>'
    summary["sweep"]["name"] = name
    summary["tasks"] = {name if task == "digits" else task: facts for task, facts in summary["tasks"].items()}
    for trial in summary["trials"]:
        trial["order"] = [name if task == "digits" else task for task in trial["order"]]
    figure = figures.forgetting_curves(typed({**summary, "references": {"lone": {}}}))
    assert canvas.save_png(figure, tmp_path / "curves.png").is_file()
    root = ElementTree.fromstring(canvas.inline_svg(figure, "curves"))
    assert name in {node.text for node in root.iter()}
