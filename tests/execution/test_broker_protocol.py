"""Keys instead of steps: what is unknown is asked for, each step is sent once, and one request asks for many."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from atlas.execution.broker import Broker
from atlas.execution.job import StepFailed
from atlas.execution.messages import Grant, Unknown
from atlas.execution.step_registry import StepRegistry, nodes_of
from atlas.execution.store_view import SharedStore
from tests.execution.fleet import FIRST, OTHER, SECOND, SIBLING, THIRD, Brokerage, commit, run, settle, take, work_off


def test_one_request_asks_for_many_steps_and_answers_in_their_order(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request_all([THIRD, OTHER, FIRST]))
        assert set(await work_off(broker, uri)) == {FIRST, SECOND, THIRD, OTHER}
        assert [result.title for result in await asked] == [THIRD.title, OTHER.title, FIRST.title]

    run(ask())


def test_of_many_steps_that_are_requested_the_first_failure_is_the_answer_at_once(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request_all([THIRD, OTHER]))
        leases = {lease.step: lease for lease in [await take(broker), await take(broker)]}
        await broker.failed(leases[OTHER], "the loss became nan", final=True)
        with pytest.raises(StepFailed, match="the loss became nan"):
            await asked

    run(ask())


def test_every_call_with_an_unknown_key_is_answered_with_it(uri: str) -> None:
    async def ask() -> None:
        broker, unknown = Broker(SharedStore(uri)), Unknown((FIRST.key,))
        assert await broker.request([FIRST.key]) == unknown
        assert await broker.anticipate([FIRST.key]) == unknown
        assert await broker.renew("f", FIRST.key, "", 0.5) == unknown
        assert await broker.done(FIRST.key, "", 1.0) == unknown
        assert await broker.failed(FIRST.key, "", "no", final=True) == unknown
        assert await broker.unknown([FIRST.key]) == (FIRST.key,)
        assert (await broker.status()).states == {}

    run(ask())


def test_a_fleet_is_sent_each_step_once_and_all_again_when_it_has_restarted(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([THIRD, SIBLING])
        sent = []
        for _ in range(3):
            await settle()
            grant = await broker.broker.lease("f", 0.0)
            assert isinstance(grant, Grant)
            sent.append([node.key for node in grant.nodes])
            commit(uri, {step.key: step for step in (FIRST, SECOND, SIBLING)}[grant.key])
            await broker.broker.done(grant.key, "", 1.0)
        assert sent == [[FIRST.key], [SECOND.key], [SIBLING.key]]
        await broker.hello("f")
        await settle()
        grant = await broker.broker.lease("f", 0.0)
        assert isinstance(grant, Grant)
        assert [node.key for node in grant.nodes] == [FIRST.key, SECOND.key, THIRD.key]

    run(ask())


def test_a_step_arrives_as_it_was_whatever_it_builds_on() -> None:
    registry = StepRegistry()
    registry.add(pickle.loads(pickle.dumps(list(nodes_of([THIRD, SIBLING])))))
    assert registry[THIRD.key] == THIRD
    assert registry[SIBLING.key].key == SIBLING.key
    assert registry[SIBLING.key].parent is registry[FIRST.key]
    assert registry[SECOND.key].stage is registry[THIRD.key].stage


def test_nodes_travel_once_each_and_after_what_they_build_on() -> None:
    assert [node.key for node in nodes_of([THIRD, SIBLING, FIRST])] == [
        step.key for step in (FIRST, SECOND, THIRD, SIBLING)
    ]
    assert [node.key for node in nodes_of([THIRD, SIBLING], known={SECOND.key})] == [
        step.key for step in (THIRD, FIRST, SIBLING)
    ]


def test_a_node_that_builds_on_an_unknown_step_is_left_out_and_asked_for_again() -> None:
    registry, nodes = StepRegistry(), list(nodes_of([SECOND]))
    registry.add(nodes[1:])
    assert registry.unknown([FIRST.key, SECOND.key]) == (FIRST.key, SECOND.key)
    registry.add(nodes)
    assert registry.unknown([FIRST.key, SECOND.key]) == ()


def test_a_broker_that_was_restarted_asks_for_the_step_of_a_renewal_and_keeps_the_lease(uri: str) -> None:
    async def ask() -> None:
        before = Brokerage(uri, "sweep")
        await before.anticipate([SECOND])
        commit(uri, (lease := await take(before)).step)
        await before.done(lease, 1.0)
        lease = await take(before)
        after = Brokerage(uri, "sweep")
        assert isinstance(await after.broker.renew("f", SECOND.key, "", 0.5), Unknown)
        await after.renew("f", lease, 0.5)
        await after.anticipate([SECOND])
        await settle()
        assert await after.lease("other", 0.0) is None
        assert (await after.status()).states == {"running": 1}

    run(ask())
