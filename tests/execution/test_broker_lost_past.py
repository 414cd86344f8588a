"""Steps whose past, or whose own result, is lost from the store: it is trained again, once."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.job import Lease
from atlas.steps.step import StepInputs
from atlas.storage.store import Store
from tests.execution.fleet import (
    FIRST,
    LEARNER,
    SECOND,
    SIBLING,
    Brokerage,
    commit,
    run,
    settle,
    take,
    work_off,
)
from tests.walks import walk


def test_a_past_that_was_lost_is_learnt_again_first(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(SECOND))
        first = await take(broker)
        commit(uri, first.step)
        await broker.done(first, 1.0)
        lease = await take(broker)
        Store.open(uri).remove(FIRST.key)
        await broker.failed(lease, "its past is gone", final=False)
        assert await work_off(broker, uri) == [FIRST, SECOND]
        assert (await asked).title == SECOND.title

    run(ask())


def test_two_steps_that_miss_one_past_have_it_learnt_once_and_are_both_answered(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        commit(uri, FIRST)
        askers = [asyncio.ensure_future(broker.request(step)) for step in (SECOND, SIBLING)]
        leases = [await take(broker, "f"), await take(broker, "g")]
        Store.open(uri).remove(FIRST.key)
        await broker.failed(leases[0], "gone", final=False)
        await settle()
        askers.append(asyncio.ensure_future(broker.request(FIRST)))
        await settle()
        await broker.failed(leases[1], "gone", final=False)
        handed = await broker.lease("f", 0.0)
        assert handed == Lease(step=FIRST)
        commit(uri, FIRST)
        await broker.done(Lease(step=FIRST), 1.0)
        assert set(await work_off(broker, uri)) == {SECOND, SIBLING}
        assert len(await asyncio.gather(*askers)) == 3

    run(ask())


def test_a_whole_past_that_is_found_lost_step_by_step_is_learnt_again_and_held_against_no_step_built_on_it(
    uri: str,
) -> None:
    async def ask() -> None:
        order = tuple("abcdefgh")
        inputs = StepInputs(backbone="b", data={task: task for task in order})
        *past, last = (stages[-1] for stages in walk(order, LEARNER, 0, inputs))
        broker = Brokerage(uri)
        for step in past:
            commit(uri, step)
        await broker.anticipate(past)
        asked = asyncio.ensure_future(broker.request(last))
        for lost in past:
            lease = await take(broker)
            assert lease.step == last
            Store.open(uri).remove(lost.key)
            await broker.failed(lease, f"{lost.title} is damaged", final=False)
            again = await take(broker)
            assert again.step == lost
            commit(uri, lost)
            await broker.done(again, 1.0)
        assert await work_off(broker, uri) == [last]
        assert (await asked).title == last.title

    run(ask())


def test_a_result_that_is_lost_before_it_is_requested_is_learnt_again(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas.execution.store_view.RECENT", 0)

    async def ask() -> None:
        broker = Brokerage(uri)
        commit(uri, FIRST)
        await broker.anticipate([FIRST])
        await settle()
        Store.open(uri).remove(FIRST.key)
        asked = asyncio.ensure_future(broker.request(FIRST))
        assert await work_off(broker, uri) == [FIRST]
        assert (await asked).title == FIRST.title

    run(ask())
