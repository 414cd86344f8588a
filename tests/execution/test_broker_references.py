"""The broker and references: steps that trials share, and go on without where they fail for good."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.job import StepFailed
from tests.execution.fleet import FIRST, OTHER, SECOND, Brokerage, run, settle, take, work_off


def test_a_request_of_references_goes_on_without_those_that_failed_for_good(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request_trainable([FIRST, OTHER]))
        lease = await take(broker)
        await broker.failed(lease, "the loss became nan", final=True)
        (other,) = await work_off(broker, uri)
        found = await asked
        assert [result and result.title for result in found] == [None, OTHER.title]
        assert (lease.step, other) == (FIRST, OTHER)
        assert await broker.request_trainable([OTHER, FIRST]) == found[::-1]
        assert await broker.broker.failures() == {FIRST.key: f"{FIRST.title}: the loss became nan"}

    run(ask())


def test_what_builds_on_a_step_that_failed_for_good_has_failed_for_good(uri: str) -> None:
    """So that nobody waits for it, or begins it anew, again and again."""

    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request_trainable([SECOND]))
        await broker.failed(await take(broker), "the loss became nan", final=True)
        assert await asked == [None]
        assert await broker.request_trainable([SECOND]) == [None]
        assert set(await broker.broker.failures()) == {FIRST.key, SECOND.key}

    run(ask())


def test_one_that_may_be_trained_later_is_not_gone_without(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request_trainable([FIRST, OTHER]))
        await settle()
        await broker.give_up("no fleet is left")
        with pytest.raises(StepFailed, match="no fleet is left"):
            await asked
        assert await broker.broker.failures() == {}

    run(ask())
