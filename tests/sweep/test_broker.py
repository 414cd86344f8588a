"""The broker's coroutines, on a loop of their own, over a real store; a fleet is whoever calls `lease` and `done`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atlas.learners import Schedule, TwoStage
from atlas.step import Step, Surroundings, walk
from atlas.store import Store
from atlas.sweep import broker as module
from atlas.sweep.broker import LEASE_SECONDS, Broker, Lease, StepFailed

AROUND = Surroundings(backbone="b", data={name: name for name in "abc"})
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
FIRST, SECOND, THIRD = (stages[-1] for stages in walk(("a", "b", "c"), LEARNER, 0, AROUND))
SIBLING = walk(("a", "c"), LEARNER, 0, AROUND)[-1][-1]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The broker's clock, to be turned forward by hand."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def commit(uri: str, step: Step, scope: str = "") -> dict[str, Any]:
    facts = {"title": step.title, "scope": scope}
    folder = Path(uri).parent / "files"
    folder.mkdir(exist_ok=True)
    (folder / "head.json").write_text("{}")
    Store.open(uri, scope=scope).commit(step.key, folder, facts)
    return facts


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def take(broker: Broker, fleet: str = "f") -> Lease:
    """The next lease; there has to be one."""
    await settle()
    lease = await broker.lease(fleet, 0.0)
    assert isinstance(lease, Lease)
    return lease


async def work_off(broker: Broker, uri: str) -> list[Step]:
    """What a fleet does until nothing waits: the steps in the order that they were handed out."""
    steps = []
    await settle()
    while isinstance(lease := await broker.lease("f", 0.0), Lease):
        commit(uri, lease.step, lease.scope)
        await broker.done(lease, 1.0)
        steps.append(lease.step)
        await settle()
    return steps


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_many_askers_make_one_training(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        askers = [asyncio.ensure_future(broker.request(FIRST)) for _ in range(9)]
        assert await work_off(broker, uri) == [FIRST]
        assert {answer["title"] for answer in await asyncio.gather(*askers)} == {FIRST.title}

    run(ask())


def test_what_the_store_has_is_answered_at_once(uri: str) -> None:
    async def ask() -> None:
        facts = commit(uri, SECOND)
        broker = Broker(uri)
        assert await broker.request(SECOND) == facts
        assert await broker.lease("f", 0.0) is None

    run(ask())


def test_what_a_step_builds_on_is_learnt_first(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        asked = asyncio.ensure_future(broker.request(THIRD))
        assert await work_off(broker, uri) == [FIRST, SECOND, THIRD]
        assert (await asked)["title"] == THIRD.title

    run(ask())


def test_anticipated_steps_are_learnt_before_anyone_asks(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([SIBLING, SECOND, FIRST])
        assert set(await work_off(broker, uri)) == {FIRST, SECOND, SIBLING}

    run(ask())


def test_a_fleet_that_starts_again_gives_back_what_it_had(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([FIRST])
        lease = await take(broker, "dead")
        await broker.hello("other")
        assert await broker.lease("f", 0.0) is None
        await broker.hello("dead")
        assert await take(broker) == lease

    run(ask())


def test_a_lease_that_is_not_renewed_goes_to_another_fleet(uri: str, clock: SimpleNamespace) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([FIRST])
        lease = await take(broker, "lost")
        clock.seconds = LEASE_SECONDS
        assert await broker.lease("f", 0.0) is None
        clock.seconds = LEASE_SECONDS + 1
        assert await take(broker) == lease
        assert (await broker.status())["running"] == [("f", FIRST.title, 0.0)]

    run(ask())


def test_a_lease_that_is_renewed_is_kept(uri: str, clock: SimpleNamespace) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([FIRST])
        lease = await take(broker)
        clock.seconds = LEASE_SECONDS
        await broker.renew("f", lease, 0.5)
        clock.seconds = 2 * LEASE_SECONDS - 1
        assert await broker.lease("other", 0.0) is None
        assert (await broker.status())["running"] == [("f", FIRST.title, 0.5)]

    run(ask())


def test_a_fleet_thought_lost_may_still_bring_its_step(uri: str, clock: SimpleNamespace) -> None:
    """What it brings counts, and nobody learns the step a second time."""

    async def ask() -> None:
        broker = Broker(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        lease = await take(broker, "slow")
        clock.seconds = LEASE_SECONDS + 1
        assert (await broker.status())["states"] == {"queued": 1}
        commit(uri, FIRST)
        await broker.done(lease, 9.0)
        assert (await asked)["title"] == FIRST.title
        assert await broker.lease("f", 0.0) is None
        assert (await broker.status())["states"] == {"done": 1}

    run(ask())


def test_a_final_failure_reaches_all_askers_and_what_builds_on_it(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        askers = [asyncio.ensure_future(broker.request(step)) for step in (FIRST, FIRST, THIRD)]
        await broker.failed(await take(broker), "the loss became nan", final=True)
        answers = await asyncio.gather(*askers, return_exceptions=True)
        assert all(isinstance(answer, StepFailed) for answer in answers)
        assert str(answers[0]) == f"{FIRST.title}: the loss became nan"
        assert str(answers[2]).startswith(f"{THIRD.title}: what it builds on failed: ")
        assert "the loss became nan" in str(answers[2])
        assert await broker.lease("f", 0.0) is None
        assert (await broker.status())["states"] == {"failed": 3}

    run(ask())


def test_a_step_that_failed_is_tried_again_for_who_asks_later(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        refused = asyncio.ensure_future(broker.request(FIRST))
        await broker.failed(await take(broker), "x", final=True)
        with pytest.raises(StepFailed):
            await refused
        asked = asyncio.ensure_future(broker.request(FIRST))
        assert await work_off(broker, uri) == [FIRST]
        await asked

    run(ask())


def test_a_past_that_was_lost_is_learnt_again_first(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        asked = asyncio.ensure_future(broker.request(SECOND))
        first = await take(broker)
        commit(uri, first.step)
        await broker.done(first, 1.0)
        lease = await take(broker)
        Store.open(uri).remove(FIRST.key)
        await broker.failed(lease, "its past is gone", final=False)
        assert await work_off(broker, uri) == [FIRST, SECOND]
        assert (await asked)["title"] == SECOND.title

    run(ask())


def test_two_steps_that_miss_one_past_have_it_learnt_once_and_are_both_answered(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
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


def test_a_step_that_is_said_to_be_done_but_is_not_there_is_tried_three_times(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        for _ in range(3):
            await broker.done(await take(broker), 1.0)
        with pytest.raises(StepFailed, match="given up after 3 attempts: its entry is not in the store"):
            await asked
        assert await broker.lease("f", 0.0) is None

    run(ask())


def test_a_broker_that_was_killed_learns_of_leases_by_their_renewal(uri: str) -> None:
    async def ask() -> None:
        lease = Lease(step=FIRST)
        broker = Broker(uri)
        await broker.renew("f", lease, 0.3)
        asked = asyncio.ensure_future(broker.request(FIRST))
        await settle()
        assert await broker.lease("other", 0.0) is None
        commit(uri, FIRST)
        await broker.done(lease, 1.0)
        assert (await asked)["title"] == FIRST.title

    run(ask())


def test_a_broker_that_was_killed_takes_done_and_failed_steps_too(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        facts = commit(uri, FIRST)
        await broker.done(Lease(step=FIRST), 1.0)
        assert await broker.request(FIRST) == facts
        await broker.failed(Lease(step=SECOND), "no", final=True)
        assert (await broker.status())["states"] == {"done": 1, "failed": 1}

    run(ask())


def test_once_it_is_closed_fleets_are_sent_home(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([FIRST])
        await settle()
        await broker.close()
        assert await broker.lease("f", 5.0) == "close"

    run(ask())


def test_a_fleet_that_waits_gets_a_step_that_comes_in_time(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        waiting = asyncio.ensure_future(broker.lease("f", 10.0))
        await settle()
        await broker.anticipate([FIRST])
        assert await waiting == Lease(step=FIRST)

    run(ask())


def test_when_nobody_is_left_all_that_is_not_done_fails(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        facts = commit(uri, FIRST)
        assert await broker.request(FIRST) == facts
        asked = asyncio.ensure_future(broker.request(THIRD))
        await settle()
        await broker.give_up("no fleet is left")
        with pytest.raises(StepFailed, match="no fleet is left"):
            await asked
        assert await broker.request(FIRST) == facts

    run(ask())


def test_the_status_counts_what_waits_runs_and_is_done(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        await broker.anticipate([THIRD, SIBLING])
        lease = await take(broker)
        await broker.renew("f", lease, 0.25)
        status = await broker.status()
        assert status["states"] == {"running": 1, "waiting": 3}
        assert status["running"] == [("f", FIRST.title, 0.25)]
        commit(uri, FIRST)
        await broker.done(lease, 7.0)
        await settle()
        status = await broker.status()
        assert status["states"] == {"done": 1, "queued": 2, "waiting": 1}
        assert (status["trained"], status["trained_seconds"]) == (1, 7.0)

    run(ask())


def test_two_scopes_share_nothing(uri: str) -> None:
    async def ask() -> None:
        broker = Broker(uri)
        commit(uri, FIRST)
        askers = [asyncio.ensure_future(broker.request(FIRST, f"private/{name}")) for name in "ab"]
        assert await work_off(broker, uri) == [FIRST, FIRST]
        assert [answer["scope"] for answer in await asyncio.gather(*askers)] == ["private/a", "private/b"]
        assert replace(Store.open(uri), scope="private/a").find(FIRST.key) is not None

    run(ask())
