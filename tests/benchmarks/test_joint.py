"""The benchmark of settings and orders that are searched together."""

from __future__ import annotations

import math
from itertools import permutations, product
from pathlib import Path

import pytest

from benchmarks.joint import SEARCHES, SPACE, SyntheticJoint, recorded_joint, steps_until_known

TABLE = Path(__file__).resolve().parents[2] / "benchmarks" / "tables" / "settings.json"


def test_the_best_pair_of_a_landscape_is_that_of_all() -> None:
    world = SyntheticJoint(3, seed=2)
    values = [
        sum(world.scores(setting, order)) / 3
        for setting in product(*SPACE.values())
        for order in permutations(world.tasks)
    ]
    assert world.extremes == pytest.approx((min(values), max(values)))


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_counts_the_steps_until_it_knows_a_pair(name: str) -> None:
    steps = steps_until_known(name, SyntheticJoint(3, seed=1), seed=0, budget=100)
    assert steps >= 3
    assert steps <= 200 or math.isinf(steps)


def test_a_table_of_settings_has_the_scores_of_every_order_with_each() -> None:
    (world,) = recorded_joint(TABLE)
    assert {name: len(values) for name, values in world.space.items()} == {
        "combination": 2,
        "expansion_length": 3,
        "rank": 2,
    }
    settings = list(product(*world.space.values()))
    values = [sum(world.scores(one, order)) / 3 for one in settings for order in permutations(world.tasks)]
    assert (min(values), max(values)) == world.extremes
