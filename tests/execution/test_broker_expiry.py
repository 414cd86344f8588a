"""Leases that expire: by themselves, as losses of their steps, and taken back where the fleet was only slow."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.job import Job, StepFailed
from atlas.execution.scheduler import LEASE_SECONDS, LEAVING_SECONDS, LOSSES, Scheduler
from tests.execution.fleet import FIRST, OTHER, Brokerage, ManualClock, commit, run, settle, take


def test_a_step_that_hangs_every_fleet_is_given_up(uri: str) -> None:
    async def ask() -> None:
        clock = ManualClock()
        broker = Brokerage(uri, clock=clock)
        asked = asyncio.ensure_future(broker.request(FIRST))
        for number in range(LOSSES):
            assert not asked.done()
            await take(broker, f"hung-{number}")
            clock.advance(LEASE_SECONDS + 1)
            await broker.status()
        with pytest.raises(StepFailed, match="5 workers died .* or no longer renewed its lease; the last on hung-4"):
            await asked

    run(ask())


def test_a_fleet_that_was_only_slow_is_held_against_no_step(uri: str) -> None:
    async def ask() -> None:
        clock = ManualClock()
        broker = Brokerage(uri, clock=clock)
        asked = asyncio.ensure_future(broker.request(FIRST))
        lease = await take(broker, "slow")
        for _ in range(2 * LOSSES):
            clock.advance(LEASE_SECONDS + 1)
            assert (await broker.status()).states == {"queued": 1}
            await broker.renew("slow", lease, 0.5)
        commit(uri, FIRST)
        await broker.done(lease, 1.0)
        assert (await asked).title == FIRST.title

    run(ask())


def test_a_lease_that_expires_on_a_node_that_is_taken_away_is_held_against_no_step(uri: str) -> None:
    async def ask() -> None:
        clock = ManualClock()
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST, OTHER])
        for number in range(2 * LOSSES):
            lease = await take(broker, f"spot-{number}")
            assert lease.step == FIRST  # and goes on before another is begun
            await broker.leaving(f"spot-{number}")
            clock.advance(LEAVING_SECONDS + 1)

    run(ask())


def test_a_fleet_that_waits_gets_a_step_whose_lease_expires_though_nobody_else_calls(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri, lease_seconds=0.2)
        await broker.anticipate([FIRST])
        lease = await take(broker, "hung")
        assert await broker.lease("f", 10.0) == lease

    run(ask())


def test_what_a_fleet_says_of_a_step_that_another_has_ended_changes_nothing(uri: str) -> None:
    """Of two fleets that had a step, since one was presumed lost, the one that failed for good is right, or is late."""

    async def ask() -> None:
        clock = ManualClock()
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST, OTHER])
        slow = [await take(broker, name) for name in ("slow", "slower")]
        clock.now = LEASE_SECONDS + 1
        quick = [await take(broker, name) for name in ("f", "g")]
        assert {lease.step.key for lease in slow} == {lease.step.key for lease in quick}
        await broker.failed(quick[0], "the loss became nan", final=True)
        commit(uri, quick[1].step)
        await broker.done(quick[1], 1.0)
        for lease in slow:
            await broker.failed(lease, "a worker died", final=lease.step == quick[1].step)
        await settle()
        assert (await broker.status()).states == {"done": 1, "failed": 1}
        assert await broker.lease("f", 0.0) is None

    run(ask())


def break_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next step that is lost with its fleet break the scheduler."""
    lose, broken = Scheduler.lose, []

    def losing(scheduler: Scheduler, job: Job, *, planned: bool) -> None:
        if not broken:
            broken.append(job)
            raise RuntimeError("it breaks")
        lose(scheduler, job, planned=planned)

    monkeypatch.setattr(Scheduler, "lose", losing)


def test_a_lease_that_cannot_be_ended_keeps_no_other_and_is_tried_again(
    uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        clock = ManualClock()
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST, OTHER])
        for name in ("hung", "hung too"):
            await take(broker, name)
        break_once(monkeypatch)
        clock.advance(LEASE_SECONDS + 1)
        assert (await broker.status()).states == {"running": 1, "queued": 1}
        clock.advance(LEASE_SECONDS + 1)
        assert (await broker.status()).states == {"queued": 2}

    run(ask())
    assert "could not be ended; it is tried again" in caplog.text


def test_leases_expire_by_themselves_after_one_that_could_not_be_ended(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        broker = Brokerage(uri, lease_seconds=0.2)
        await broker.anticipate([FIRST])
        lease = await take(broker, "hung")
        break_once(monkeypatch)
        assert await broker.lease("f", 10.0) == lease

    run(ask())
