"""A broker that may train so much and no more."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.allowance import UNBOUNDED, Allowance, Meter
from atlas.execution.job import Lease
from atlas.execution.step_costs import StepCosts
from tests.execution.fleet import FIRST, OTHER, SECOND, SIBLING, THIRD, Brokerage, commit, run, settle, take, work_off


def test_a_broker_leases_as_many_steps_as_it_is_allowed_and_says_that_it_is_stalled(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(Allowance(steps=2))
        await broker.anticipate([FIRST, OTHER, SECOND])
        assert not (await broker.status()).stalled
        assert len(await work_off(broker, uri)) == 2
        status = await broker.status()
        assert (status.trained, status.stalled) == (2, True)
        await broker.broker.allow(Allowance(steps=3))
        assert not (await broker.status()).stalled
        assert len(await work_off(broker, uri)) == 1
        assert not (await broker.status()).stalled  # nothing waits

    run(ask())


def test_steps_in_training_count_so_that_no_two_fleets_take_the_last_one(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(Allowance(steps=1))
        await broker.anticipate([FIRST, OTHER])
        await settle()
        leases = await asyncio.gather(*(broker.lease(fleet, 0.0) for fleet in "fgh"))
        assert sum(isinstance(lease, Lease) for lease in leases) == 1
        assert not (await broker.status()).stalled  # while one is trained

    run(ask())


def test_a_step_that_failed_leaves_its_place_to_another(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(Allowance(steps=1))
        await broker.anticipate([FIRST, OTHER])
        await broker.failed(await take(broker), "it diverged", final=True)
        assert (await take(broker)).step == OTHER

    run(ask())


def test_a_paused_broker_leases_nothing_and_renews_what_it_has_leased(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([FIRST, OTHER])
        lease = await take(broker)
        await broker.broker.allow(Allowance(paused=True))
        await broker.renew("f", lease, 0.5)
        assert await broker.lease("g", 0.0) is None
        waiting = asyncio.ensure_future(broker.lease("g", 10.0))
        await settle()
        await broker.broker.allow(Allowance())
        assert isinstance(await waiting, Lease)

    run(ask())


def test_a_broker_that_was_told_nothing_yet_leases_nothing(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        broker.broker._meter.allowance = None
        await broker.anticipate([FIRST])
        await settle()
        assert await broker.lease("f", 0.0) is None
        assert (await broker.status()).allowance is None

    run(ask())


def test_seconds_of_training_are_kept_by_the_cost_of_steps_like_the_next(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.broker.allow(Allowance(seconds=100.0, step_seconds=30.0))
        await broker.anticipate([FIRST, SECOND, THIRD])
        lease = await take(broker)
        commit(uri, lease.step)
        await broker.done(lease, 60.0)
        await settle()
        status = await broker.status()
        assert (status.next_seconds, status.stalled) == (60.0, True)  # 60 and 60 are more than 100

    run(ask())


def test_the_cost_of_a_step_is_that_of_those_which_are_likest() -> None:
    costs = StepCosts()
    assert costs.estimate(FIRST) is None
    costs.add(FIRST, 10.0)
    assert costs.estimate(THIRD) == 10.0
    costs.add(OTHER, 20.0)
    assert costs.estimate(OTHER) == 20.0
    assert costs.estimate(THIRD) == 20.0  # the same task, later
    assert costs.estimate(SECOND) == pytest.approx(15.0)
    costs.add(SIBLING, 40.0)
    assert costs.estimate(SIBLING) == 40.0
    assert costs.estimate(THIRD) == pytest.approx(30.0)


def test_a_trained_step_wakes_fleets_only_where_what_is_trained_is_bounded() -> None:
    """With a thousand fleets that wait, each would look at the queue for each step."""
    for allowance, woken in ((UNBOUNDED, 0), (Allowance(steps=5), 2), (Allowance(seconds=9.0), 2), (None, 0)):
        calls: list[int] = []
        meter = Meter(allowance, changed=lambda calls=calls: calls.append(1))  # type: ignore[misc]
        meter.add(FIRST, 1.0)
        meter.add(SECOND, 1.0)
        assert (len(calls), meter.trained) == (woken, 2)
