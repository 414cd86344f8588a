"""Settings beside an order, as numbers."""

from __future__ import annotations

import math
import random

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from atlas.search.settings_space import MOST_LISTED, SettingsSpace

RATE = FloatDistribution(1e-4, 1.0, log=True)


def test_a_choice_is_told_by_ones_and_zeros_and_true_is_not_one() -> None:
    space = SettingsSpace({"kind": CategoricalDistribution((1, True, "x"))})
    assert [space.numbers({"kind": kind}) for kind in (1, True, "x")] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


def test_a_number_is_told_on_its_scale_with_its_square() -> None:
    space = SettingsSpace({"rate": RATE})
    assert space.numbers({"rate": 1e-4}) == pytest.approx((-1.0, 1.0))
    assert space.numbers({"rate": 1e-2}) == pytest.approx((0.0, 0.0))
    assert SettingsSpace({"one": IntDistribution(3, 3)}).numbers({"one": 3}) == (0.0, 0.0)


def test_a_small_grid_is_listed_whole() -> None:
    space = SettingsSpace({"kind": CategoricalDistribution(("a", "b")), "rank": IntDistribution(2, 8, step=2)})
    found = space.candidates(random.Random(0))
    assert len(found) == 8
    assert {(one["kind"], one["rank"]) for one in found} == {(kind, rank) for kind in "ab" for rank in (2, 4, 6, 8)}
    assert space.holds(found[0])
    assert not space.holds({"kind": "a"})


def test_of_other_spaces_values_within_are_drawn() -> None:
    numbers = {"rate": RATE, "size": IntDistribution(1, 1000, log=True), "half": FloatDistribution(0.0, 99.5, step=0.5)}
    found = SettingsSpace(numbers).candidates(random.Random(0))
    assert len(found) == MOST_LISTED
    for one in found:
        assert 1e-4 <= one["rate"] <= 1.0
        assert isinstance(one["size"], int)
        assert 1 <= one["size"] <= 1000
        assert math.isclose(one["half"] % 0.5, 0.0)
    assert min(one["rate"] for one in found) < 1e-3 < 0.1 < max(one["rate"] for one in found)
