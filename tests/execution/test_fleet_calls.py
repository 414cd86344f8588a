"""Calls on fleets: run once, by one fleet, which gets them again where it lost them; errors come back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from atlas.execution.broker import Broker
from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_calls import FleetCall, FleetCallFailed
from atlas.execution.fleet_client import FleetClient
from atlas.execution.step_registry import nodes_of
from atlas.execution.store_view import SharedStore
from atlas.learners.process_group import ProcessGroup
from atlas.steps.train import WorkerContext
from tests.execution.fleet import FIRST


def backbone_of(worker_context: WorkerContext) -> Any:
    return worker_context.backbone


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(SharedStore(str(tmp_path / "store"), "sweep"))


class Direct:
    """A client of a broker in this process, which keeps what is sent to it."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.failures: list[tuple[int, str]] = []

    def answer(self, number: int, answer: object) -> None:
        self.answers.append((number, answer))

    def fail_call(self, number: int, reason: str) -> None:
        self.failures.append((number, reason))


def client(rank: int = 0, size: int = 1) -> tuple[FleetClient, Direct]:
    """A fleet's client, and what it sends."""
    direct = Direct()
    return FleetClient(cast(BrokerClient, direct), "f", ProcessGroup(rank=rank, size=size)), direct


def run(course: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(course, 60))


def test_a_waiting_fleet_gets_the_call_at_once_and_its_answer_comes_back(broker: Broker) -> None:
    async def course() -> None:
        waiting = asyncio.ensure_future(broker.lease("f", 30.0))
        await asyncio.sleep(0)
        asked = asyncio.ensure_future(broker.run_last(backbone_of))
        call = await waiting
        assert isinstance(call, FleetCall)
        await broker.answer(call.number, "the answer")
        await broker.answer(call.number, "a second one")
        assert await asked == "the answer"
        assert await broker.lease("f", 30.0) == "close"

    run(course())


def test_a_call_is_run_by_one_fleet_which_gets_it_again_where_it_was_lost(broker: Broker) -> None:
    async def course() -> None:
        asked = asyncio.ensure_future(broker.run_last(backbone_of))
        await asyncio.sleep(0)
        first = await broker.lease("f", 0.0)
        assert isinstance(first, FleetCall)
        assert await broker.lease("other", 30.0) == "close"
        await broker.hello("f")
        assert await broker.lease("f", 0.0) == first
        await broker.fail_call(first.number, "ValueError: no such task")
        with pytest.raises(FleetCallFailed, match="ValueError: no such task"):
            await asked

    run(course())


def test_fleets_that_wait_for_a_step_end_while_one_runs_the_last_call(broker: Broker) -> None:
    async def course() -> None:
        waiting = [asyncio.ensure_future(broker.lease(name, 30.0)) for name in ("f", "g", "h")]
        await asyncio.sleep(0)
        asked = asyncio.ensure_future(broker.run_last(backbone_of))
        call, *others = await asyncio.gather(*waiting)
        assert isinstance(call, FleetCall)
        assert others == ["close", "close"]
        assert not asked.done()
        await broker.answer(call.number, "the answer")
        assert await asked == "the answer"

    run(course())


def test_a_step_that_was_about_to_be_leased_does_not_hold_up_the_last_call(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object store takes its time to say whether another sweep has the step."""

    async def course() -> None:
        store = asyncio.Event()

        async def acquire(_: object) -> bool:
            return await store.wait()

        monkeypatch.setattr(broker._scheduler, "acquire", acquire)
        await broker.describe(list(nodes_of([FIRST])))
        await broker.anticipate([FIRST.key])
        leasing = asyncio.ensure_future(broker.lease("f", 30.0))
        while not broker._leasing:
            await asyncio.sleep(0.001)
        asked = asyncio.ensure_future(broker.run_last(backbone_of))
        await asyncio.sleep(0)
        store.set()
        call = await leasing
        assert isinstance(call, FleetCall)
        await broker.answer(call.number, "the answer")
        assert await asked == "the answer"
        await broker.close()

    run(course())


def test_a_broker_that_closes_takes_no_answer_any_more(broker: Broker) -> None:
    async def course() -> None:
        asked = asyncio.ensure_future(broker.run_last(backbone_of))
        await asyncio.sleep(0)
        await broker.close()
        assert await broker.lease("f", 0.0) == "close"
        with pytest.raises(FleetCallFailed, match="has closed"):
            await asked

    run(course())


def test_rank_zero_answers_alone_on_what_the_fleet_has_loaded(small_world: Any) -> None:
    fleet, sent = client(rank=0, size=2)
    groups: list[ProcessGroup] = []

    def look(worker_context: WorkerContext) -> str:
        groups.append(worker_context.group)
        return worker_context.backbone.digest

    fleet.answer(FleetCall(number=7, function=look), small_world.worker_context)
    assert sent.answers == [(7, small_world.worker_context.backbone.digest)]
    assert [group.size for group in groups] == [1]
    other, silent = client(rank=1, size=2)
    other.answer(FleetCall(number=7, function=look), small_world.worker_context)
    assert (silent.answers, silent.failures, len(groups)) == ([], [], 1)


def test_an_error_of_a_call_is_sent_and_ends_no_fleet(small_world: Any) -> None:
    fleet, sent = client()

    def fail(worker_context: WorkerContext) -> None:
        raise KeyError(worker_context.run)

    fleet.answer(FleetCall(number=1, function=fail), small_world.worker_context)
    fleet.answer(FleetCall(number=2, function=fail), None)
    assert sent.failures == [(1, "KeyError: ''"), (2, "InfrastructureError: this fleet has no backbone loaded")]
