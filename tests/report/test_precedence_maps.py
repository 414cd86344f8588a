from __future__ import annotations

from atlas.report.comparisons import precedence
from atlas.report.precedence_maps import effect_limit, precedence_maps
from atlas.statistics import Precedence
from tests.report.conftest import Document, typed


def test_a_panel_a_route_with_the_effect_of_every_pair(summary: Document) -> None:
    figure = precedence_maps(typed(summary))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["route latest", "route own"]
    assert [len(axes.texts) for axes in figure.axes] == [12, 12]
    effect = precedence(typed(summary), "latest")["digits", "easy-vqa"]
    assert isinstance(effect, Precedence)
    place = (list(summary["tasks"]).index("easy-vqa"), list(summary["tasks"]).index("digits"))
    (text,) = (text for text in figure.axes[0].texts if text.get_position() == place)
    assert text.get_text().rstrip("*") == f"{effect.effect:+.1f}".replace("-", "−")
    assert effect_limit(typed(summary)) >= abs(effect.effect)
    assert "split test · route latest and own · seed 1" in figure.get_suptitle()
