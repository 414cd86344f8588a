"""Two brokers, two sweeps, one store: what one has in hand the other does not hand out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from atlas.sweep import broker as module
from atlas.sweep.broker import Broker, Lease
from sweep.fleet import FIRST, OTHER, SECOND, commit, run, settle, take


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


async def nothing(broker: Broker) -> bool:
    await settle()
    return await broker.lease("g", 0.0) is None


async def until(what: Coroutine[Any, Any, Any]) -> Any:
    return await asyncio.wait_for(what, 5)


def test_a_step_in_the_hands_of_another_sweep_is_waited_for_and_others_are_handed_out(uri: str) -> None:
    async def ask() -> None:
        first, second = Broker(uri, "one"), Broker(uri, "two")
        await first.anticipate([FIRST])
        lease = await take(first)
        asked = asyncio.ensure_future(second.request(SECOND))
        await second.anticipate([OTHER])
        assert (await take(second, "g")).step == OTHER
        assert await nothing(second)
        assert (await second.status())["states"] == {"elsewhere": 1, "running": 1, "waiting": 1}
        commit(uri, FIRST)
        await first.done(lease, 1.0)
        await asyncio.sleep(0.1)
        found = await take(second, "g")
        assert found.step == SECOND
        commit(uri, SECOND)
        await second.done(found, 1.0)
        assert (await until(asked))["title"] == SECOND.title

    run(ask())


def test_a_step_that_failed_elsewhere_is_tried_here(uri: str) -> None:
    async def ask() -> None:
        first, second = Broker(uri, "one"), Broker(uri, "two")
        for broker in (first, second):
            await broker.anticipate([FIRST])
        lease = await take(first)
        assert await nothing(second)
        await first.failed(lease, "no", final=True)
        found = await until(second.lease("g", 5.0))
        assert isinstance(found, Lease)
        assert found.step == FIRST

    run(ask())


def test_a_sweep_that_ends_lets_go_of_what_it_had_in_hand(uri: str) -> None:
    async def ask() -> None:
        first, second = Broker(uri, "one"), Broker(uri, "two")
        for broker in (first, second):
            await broker.anticipate([FIRST])
        await take(first)
        assert await nothing(second)
        await first.close()
        assert isinstance(await until(second.lease("g", 5.0)), Lease)

    run(ask())


def test_a_broker_that_was_started_again_has_what_it_had(uri: str) -> None:
    async def ask() -> None:
        before = Broker(uri, "one")
        await before.anticipate([FIRST])
        lease = await take(before)
        after, other = Broker(uri, "one"), Broker(uri, "two")
        await after.renew("f", lease, 0.5)
        await other.anticipate([FIRST])
        assert await nothing(other)
        commit(uri, FIRST)
        await after.done(lease, 1.0)
        assert (await until(other.request(FIRST)))["title"] == FIRST.title

    run(ask())


def test_claims_beat_while_a_step_is_learnt(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas.sweep.shelf.BEAT_SECONDS", 0.02)
    monkeypatch.setattr("atlas.claims.PATIENCE_SECONDS", 0.3)

    async def ask() -> None:
        first, second = Broker(uri, "one"), Broker(uri, "two")
        for broker in (first, second):
            await broker.anticipate([FIRST])
        await take(first)
        assert await second.lease("g", 1.0) is None
        first._shelf._beating.cancel()  # its process is gone
        assert isinstance(await until(second.lease("g", 5.0)), Lease)

    run(ask())
