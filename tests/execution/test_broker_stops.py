"""The broker when fleets stop as planned, or are resized: no step is to blame."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.job import StepFailed
from atlas.execution.scheduler import LOSSES
from tests.execution.fleet import FIRST, OTHER, Brokerage, run, take


def test_a_stop_that_was_planned_is_held_against_no_step_and_the_next_one_is(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        for _ in range(2 * LOSSES):
            await take(broker, "f")
            await broker.leaving("f")
            await broker.hello("f")
        for _ in range(LOSSES):
            assert not asked.done()
            await take(broker, "f")
            await broker.hello("f")
        with pytest.raises(StepFailed, match=f"{LOSSES} workers died while they trained it"):
            await asked

    run(ask())


def test_a_fleet_that_was_resized_is_held_against_no_step_and_goes_on_with_the_one_it_had(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.hello("f", 2)
        await broker.anticipate([FIRST, OTHER])
        lease = await take(broker, "f")
        for workers in [1, 2] * LOSSES:
            await broker.hello("f", workers)
            assert await take(broker, "f") == lease
        for _ in range(LOSSES):
            await broker.hello("f", 2)
            found = await take(broker, "f")
        assert found != lease

    run(ask())


def test_a_step_whose_stop_was_planned_goes_on_before_another_is_begun(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([FIRST, OTHER])
        lease = await take(broker, "f")
        await broker.leaving("f")
        await broker.hello("f")
        assert await take(broker, "f") == lease
        await broker.hello("f")
        assert await take(broker, "f") != lease

    run(ask())
