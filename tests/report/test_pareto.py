from __future__ import annotations

import pytest

from atlas.report.pareto import Cost, ParetoPoint, front, front_in_words, pareto, points, varying
from tests.report.conftest import Document, typed

SECONDS, FLOPS = Cost(name="seconds", label="s"), Cost(name="flops", label="10⁹", scale=1e9)


def names(found: list[ParetoPoint]) -> list[str]:
    return [cost.name for cost in varying(found)]


def point(name: str, accuracy: float, **costs: float) -> ParetoPoint:
    return ParetoPoint(name=name, accuracy=accuracy, costs=costs)


def test_the_front_is_what_no_other_point_beats() -> None:
    cheap, good = point("cheap", 60, seconds=1, flops=9), point("good", 80, seconds=5, flops=5)
    worse, twin = point("worse", 70, seconds=5, flops=6), point("twin", 80, seconds=5, flops=5)
    assert front([cheap, good, worse, twin], [SECONDS]) == [cheap, good, twin]
    assert front([cheap, good, worse, twin], [SECONDS, FLOPS]) == [cheap, good, twin]
    assert front([cheap, worse], [SECONDS]) == [cheap, worse]


def test_settings_are_points_and_orders_where_there_is_one_setting(rich: Document, summary: Document) -> None:
    found = points(typed(rich))
    assert [one.name for one in found] == ["rank 16", "rank 8"]
    assert found[0].costs["stored_parameters"] == pytest.approx(80_000 + 8_400 * 16)
    assert len(points(typed(summary))) == 24
    assert " → " in points(typed(summary))[0].name


def test_costs_that_one_trial_lacks_or_that_do_not_differ_are_not_drawn(rich: Document, summary: Document) -> None:
    assert names(points(typed(summary))) == ["forgetting"]  # an old summary has no costs
    for trial in rich["trials"]:
        trial["cost"]["seconds"] = 7.0
    rich["trials"][0]["cost"]["flops"] = None
    assert names(points(typed(rich))) == ["forgetting", "stored_parameters", "trained_parameters"]
    assert varying([point("a", 60, flops=1000), point("b", 70, flops=1001)]) == []
    assert varying([]) == []


def test_a_panel_a_cost_with_the_front_filled(rich: Document) -> None:
    figure = pareto(typed(rich))
    drawn = [axes for axes in figure.axes if axes.axison]
    assert len(drawn) == 5
    assert {axes.get_xlabel().partition(" (")[0] for axes in drawn} >= {"forgetting", "stored parameters"}
    best = next(axes for axes in drawn if axes.get_xlabel().startswith("stored"))
    assert list(best.lines[0].get_xdata()) == pytest.approx([147.2, 214.4])
    assert "split test · route latest · seed 1, 2, 3" in figure.get_suptitle()


def test_the_front_in_words_names_its_settings_with_their_costs(rich: Document) -> None:
    words = front_in_words(typed(rich), ["stored_parameters"])
    assert words.startswith("2 of 2 are beaten by none in accuracy, stored parameters: rank 16 (")
    assert "214.4 stored parameters (thousands)" in words
    assert front_in_words(typed(rich), []) == ""
