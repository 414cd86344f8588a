"""Steps by key: each stands for its whole chain, and knows the longest that goes on from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest

from atlas.execution.step_registry import StepNode, StepRegistry, nodes_of
from atlas.steps.step import Step
from tests.execution.fleet import FIRST, LEARNER, OTHER, SECOND, SIBLING, STEP_INPUTS, THIRD
from tests.walks import walk


def registry_of(*batches: list[Step]) -> StepRegistry:
    """A registry that was told of these steps, one list after another, and of all that they build on."""
    registry = StepRegistry()
    for steps in batches:
        registry.add(nodes_of(steps))
    return registry


@pytest.mark.parametrize("batches", [[[THIRD]], [[FIRST], [SECOND], [THIRD]], [[FIRST, SIBLING], [THIRD]]])
def test_the_longest_chain_goes_on_from_each_step_however_it_became_known(batches: list[list[Step]]) -> None:
    registry = registry_of(*batches, [OTHER])
    assert list(registry.chain(FIRST.key)) == [FIRST, SECOND, THIRD]
    assert list(registry.chain(SECOND.key)) == [SECOND, THIRD]
    assert list(registry.chain(OTHER.key)) == [OTHER]


def test_of_all_orders_each_step_has_the_chain_to_the_last_task() -> None:
    walks = [walk(order, LEARNER, 0, STEP_INPUTS) for order in permutations("abc")]
    registry = registry_of(*([stages[-1][-1]] for stages in walks))
    for stages in walks:
        steps = [step for some in stages for step in some]
        assert [len(list(registry.chain(step.key))) for step in steps] == [3, 2, 1]


def test_a_walk_of_thousands_of_steps_is_known() -> None:
    def nodes() -> Iterator[StepNode]:
        for place in range(5000):
            yield StepNode(key=str(place), own=FIRST, parent=str(place - 1) if place else None)

    registry = StepRegistry()
    registry.add(nodes())
    assert len(list(registry.chain("0"))) == 5000


def test_a_node_that_builds_on_an_unknown_step_is_left_out() -> None:
    registry = StepRegistry()
    registry.add([*nodes_of([SECOND])][1:])
    assert registry.unknown([FIRST.key, SECOND.key]) == (FIRST.key, SECOND.key)
