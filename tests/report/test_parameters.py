from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.report.parameters import explained, level_places, varying_parameters
from atlas.report.settings import setting_rows
from atlas.statistics import Interval
from tests.report.conftest import Document, typed


def test_the_parameter_that_decides_comes_first_with_an_interval(tuned: Document) -> None:
    first, *others = varying_parameters(setting_rows(typed(tuned)))
    assert first.name == "normalisation"
    assert first.share > 50
    assert isinstance(first.interval, Interval)
    assert first.interval.low < first.share < first.interval.high + 1e-9 or first.interval.high > first.interval.low
    assert isinstance(first.importance, float)
    assert first.importance > 50
    assert {one.name for one in others} == {"adapter", "combination", "weighting", "rank", "past_weight"}


def test_optunas_importance_is_of_parameters_that_every_setting_has(tuned: Document) -> None:
    by_name = {one.name: one for one in varying_parameters(setting_rows(typed(tuned)))}
    assert isinstance(by_name["weighting"].importance, Undefined)
    known = [one.importance for one in by_name.values() if not isinstance(one.importance, Undefined)]
    assert sum(known) == pytest.approx(100)


def test_few_settings_have_no_importance(tuned: Document) -> None:
    rows = setting_rows(typed(tuned))[:4]
    found = varying_parameters(rows)
    assert all(isinstance(one.importance, Undefined) and isinstance(one.interval, Undefined) for one in found)
    assert "it takes 8 settings; there are 4" in str(found[0].importance)


def test_a_main_effect_is_the_mean_of_its_settings_against_all(tuned: Document) -> None:
    rows = setting_rows(typed(tuned))
    (found,) = [one for one in varying_parameters(rows) if one.name == "normalisation"]
    effects = {level.name: level.effect for level in found.levels}
    assert set(effects) == {"none", "softmax", "sum"}
    scores = [row.score for row in rows]
    softmax = [row.score for row in rows if row.values["normalisation"] == "softmax"]
    assert effects["softmax"].value == pytest.approx(sum(softmax) / len(softmax) - sum(scores) / len(scores))
    assert effects["softmax"].value > 0 > effects["none"].value
    assert effects["softmax"].has_spread
    assert not effects["sum"].has_spread


def test_explained_is_all_of_what_levels_decide_and_nothing_of_what_they_do_not() -> None:
    assert explained([[1.0, 1.0], [5.0, 5.0]]) == pytest.approx(1.0)
    assert explained([[1.0, 5.0], [5.0, 1.0]]) == 0.0
    assert explained([[1.0], [5.0]]) == 0.0


def test_many_numbers_are_three_ranges() -> None:
    places = level_places({place: 10.0**-place for place in range(9)})
    assert list(places) == ["1e-8 to 1e-6", "1e-5 to 0.001", "0.01 to 1"]
    assert sorted(place for group in places.values() for place in group) == list(range(9))


def test_few_numbers_are_levels_in_their_sequence() -> None:
    assert list(level_places({0: 16, 1: 4, 2: 16})) == ["4", "16"]
