"""Two brokers, two sweeps, one store: what one has in hand the other does not hand out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from atlas.execution import store_view as module
from atlas.execution.job import Lease, StepFailed
from atlas.storage.store import Artifact, Store
from tests.execution.fleet import FIRST, OTHER, SECOND, Brokerage, commit, run, settle, take


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


async def nothing(broker: Brokerage) -> bool:
    await settle()
    return await broker.lease("g", 0.0) is None


async def until(what: Coroutine[Any, Any, Any]) -> Any:
    return await asyncio.wait_for(what, 5)


def test_a_step_in_the_hands_of_another_sweep_is_waited_for_and_others_are_handed_out(uri: str) -> None:
    async def ask() -> None:
        first, second = Brokerage(uri, "one"), Brokerage(uri, "two")
        await first.anticipate([FIRST])
        lease = await take(first)
        asked = asyncio.ensure_future(second.request(SECOND))
        await second.anticipate([OTHER])
        assert (await take(second, "g")).step == OTHER
        assert await nothing(second)
        assert (await second.status()).states == {"elsewhere": 1, "running": 1, "waiting": 1}
        commit(uri, FIRST)
        await first.done(lease, 1.0)
        await asyncio.sleep(0.1)
        found = await take(second, "g")
        assert found.step == SECOND
        commit(uri, SECOND)
        await second.done(found, 1.0)
        assert (await until(asked)).title == SECOND.title

    run(ask())


@pytest.mark.parametrize(
    "let_go",
    [lambda broker, lease: broker.failed(lease, "no", final=True), lambda broker, lease: broker.close()],
    ids=["it failed", "the sweep ended"],
)
def test_a_step_that_another_sweep_lets_go_is_tried_here(
    let_go: Callable[[Brokerage, Lease], Coroutine[Any, Any, None]], uri: str
) -> None:
    async def ask() -> None:
        first, second = Brokerage(uri, "one"), Brokerage(uri, "two")
        for broker in (first, second):
            await broker.anticipate([FIRST])
        lease = await take(first)
        assert await nothing(second)
        await let_go(first, lease)
        found = await until(second.lease("g", 5.0))
        assert isinstance(found, Lease)
        assert found.step == FIRST

    run(ask())


def test_a_store_that_does_not_answer_for_a_while_is_asked_again(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        first, second = Brokerage(uri, "one"), Brokerage(uri, "two")
        await first.anticipate([FIRST])
        lease = await take(first)
        asked = asyncio.ensure_future(second.request(FIRST))
        assert await nothing(second)
        with monkeypatch.context() as away:
            away.setattr("atlas.runtime.retry.POLL_SECONDS", 0.01)
            away.setattr(Store, "find", unreachable)
            await asyncio.sleep(0.1)
        commit(uri, FIRST)
        await first.done(lease, 1.0)
        assert (await until(asked)).title == FIRST.title

    run(ask())


def test_a_step_fails_where_the_store_never_answers_and_nobody_waits_for_ever(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        broker, found = Brokerage(uri), Store.find
        monkeypatch.setattr("atlas.runtime.retry.WAIT_SECONDS", 0.05)
        monkeypatch.setattr("atlas.runtime.retry.POLL_SECONDS", 0.01)
        monkeypatch.setattr(Store, "find", unreachable)
        with pytest.raises(StepFailed, match="its result could not be looked up: .* .the network is away"):
            await broker.request(FIRST)
        monkeypatch.setattr(Store, "find", found)
        result = commit(uri, FIRST)
        assert await broker.request(FIRST) == result

    run(ask())


def unreachable(*_: object) -> Artifact | None:
    raise OSError("the network is away")


def test_a_broker_that_was_started_again_has_what_it_had(uri: str) -> None:
    async def ask() -> None:
        before = Brokerage(uri, "one")
        await before.anticipate([FIRST])
        lease = await take(before)
        after, other = Brokerage(uri, "one"), Brokerage(uri, "two")
        await after.renew("f", lease, 0.5)
        await other.anticipate([FIRST])
        assert await nothing(other)
        commit(uri, FIRST)
        await after.done(lease, 1.0)
        assert (await until(other.request(FIRST))).title == FIRST.title

    run(ask())


def test_claims_beat_while_a_step_is_learnt(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas.execution.store_view.HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr("atlas.storage.leases.EXPIRY_SECONDS", 0.3)

    async def ask() -> None:
        first, second = Brokerage(uri, "one"), Brokerage(uri, "two")
        for broker in (first, second):
            await broker.anticipate([FIRST])
        await take(first)
        assert await second.lease("g", 1.0) is None
        first.store._heartbeats.cancel()  # its process is gone
        assert isinstance(await until(second.lease("g", 5.0)), Lease)

    run(ask())
