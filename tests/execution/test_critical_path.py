"""The step that most waits for is leased first, where few are queued."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from atlas.execution.allowance import FEW, Allowance
from atlas.execution.step_registry import nodes_of
from atlas.steps.step import Step
from tests.execution.fleet import (
    FIRST,
    LEARNER,
    OTHER,
    SECOND,
    SIBLING,
    STEP_INPUTS,
    THIRD,
    Brokerage,
    run,
    settle,
    work_off,
)
from tests.walks import walk

LONE = [walk(("c",), LEARNER, seed, STEP_INPUTS)[0][-1] for seed in range(FEW + 1)]
ALIKE = Allowance(step_seconds=1.0)


def leased(uri: str, known: Sequence[Sequence[Step]], allowance: Allowance = ALIKE) -> list[Step]:
    """The steps in the order in which one fleet gets them, where they become known in this order."""
    steps: list[Step] = []

    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(allowance)
        for some in known:
            await broker.anticipate(some)
            await settle()
        steps.extend(await work_off(broker, uri))

    run(ask())
    return steps


@pytest.mark.parametrize(
    "known",
    [[[OTHER, THIRD]], [[OTHER, FIRST, SECOND, THIRD]], [[OTHER, FIRST], [SECOND], [THIRD]], [[OTHER], [FIRST, THIRD]]],
    ids=["by its end", "in its order", "one by one", "with a gap"],
)
def test_the_longest_chain_goes_first_however_it_became_known(uri: str, known: Sequence[Sequence[Step]]) -> None:
    assert leased(uri, known) == [FIRST, SECOND, OTHER, THIRD]


def test_steps_that_nobody_has_asked_for_yet_count_and_are_not_leased(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(ALIKE)
        await broker.broker.describe(tuple(nodes_of([THIRD])))
        await broker.anticipate([OTHER, FIRST])
        assert await work_off(broker, uri) == [FIRST, OTHER]

    run(ask())


def test_where_chains_part_the_longer_goes_on(uri: str) -> None:
    assert leased(uri, [[SIBLING, THIRD]]) == [FIRST, SECOND, SIBLING, THIRD]


def test_where_many_are_queued_the_oldest_goes_first(uri: str) -> None:
    assert leased(uri, [[*LONE, THIRD]]) == [*LONE[:2], FIRST, SECOND, *LONE[2:], THIRD]


def test_under_a_bound_the_oldest_goes_first_so_that_what_was_begun_ends_within_it(uri: str) -> None:
    assert leased(uri, [[OTHER, THIRD]], Allowance(steps=3, step_seconds=1.0)) == [OTHER, FIRST, SECOND]
