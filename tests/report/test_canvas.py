from __future__ import annotations

import pytest

from atlas.report import canvas
from atlas.runtime.errors import AtlasError


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
