from __future__ import annotations

from typing import Any

import pytest

from atlas.report.comparisons import precedence
from atlas.report.effects import alpha_maps, effect_limit, precedence_maps, site_name, weight_range
from atlas.statistics import Precedence

Summary = dict[str, Any]


def test_a_panel_a_route_with_the_effect_of_every_pair(summary: Summary) -> None:
    figure = precedence_maps(summary)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["route latest", "route own"]
    assert [len(axes.texts) for axes in figure.axes] == [12, 12]
    effect = precedence(summary, "latest")["digits", "easy-vqa"]
    assert isinstance(effect, Precedence)
    place = (list(summary["tasks"]).index("easy-vqa"), list(summary["tasks"]).index("digits"))
    (text,) = (text for text in figure.axes[0].texts if text.get_position() == place)
    assert text.get_text().rstrip("*") == f"{effect.effect:+.1f}".replace("-", "−")
    assert effect_limit(summary) >= abs(effect.effect)
    assert "split test · route latest and own · seed 1" in figure.get_suptitle()


def test_the_weights_are_shown_a_panel_a_task(rich: Summary) -> None:
    figure = alpha_maps(rich)
    assert [len(axes.texts) for axes in figure.axes] == [8, 16, 24, 32]
    assert figure.axes[1].texts[1].get_text() == f"{rich['alpha'][1]['mean'][0][1]:.2f}"
    assert "split val · route own · seed 1" in figure.get_suptitle()


def test_weights_that_are_all_alike_are_not_blown_up_into_contrast() -> None:
    assert weight_range({"alpha": [{"mean": [[0.5, 0.5]]}]}) == pytest.approx((0.45, 0.55))
    assert weight_range({"alpha": [{"mean": [[0.2, 0.9]]}]}) == (0.2, 0.9)


def test_sites_have_names_that_people_read() -> None:
    assert site_name("encoder.layer.3.attention.output.dense") == "layer 4 attention"
    assert site_name("encoder.layer.0.output.dense") == "layer 1 MLP"
    assert site_name("pooler") == "pooler"
