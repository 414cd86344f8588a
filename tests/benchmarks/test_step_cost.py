"""The cost of a step: its parts are found where `train_step` has them, and add up."""

from __future__ import annotations

from typing import Any

from atlas.steps import train
from atlas.storage.store import Store
from benchmarks.step_cost import PARTS, Cost, measured


def test_the_parts_of_a_step_are_measured_and_put_back(small_world: Any, store: Store) -> None:
    before = [getattr(train, name) for name in PARTS]
    (step,) = small_world.walk("digits")
    cost = Cost(step.title)
    with measured(cost):
        small_world.learn([step], store)
    assert all(seconds > 0 for seconds in cost.parts.values())
    assert 0 < cost.rest < cost.total
    assert cost.parts["load_steps"] + cost.parts["save_step"] <= cost.rest
    assert [getattr(train, name) for name in PARTS] == before
    assert cost.row().split()[0] == step.title.split()[0]
