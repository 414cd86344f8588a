"""The broker's coroutines, on a loop of their own, over a real store; a fleet is whoever calls `lease` and `done`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from atlas.execution.job import Lease
from atlas.execution.status import Course, RunningStep
from atlas.storage.store import Store
from tests.execution.fleet import FIRST, SECOND, SIBLING, THIRD, Brokerage, commit, run, settle, take, work_off


def test_many_askers_make_one_training(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        askers = [asyncio.ensure_future(broker.request(FIRST)) for _ in range(9)]
        assert await work_off(broker, uri) == [FIRST]
        assert {answer.title for answer in await asyncio.gather(*askers)} == {FIRST.title}

    run(ask())


def test_what_the_store_has_is_answered_at_once(uri: str) -> None:
    async def ask() -> None:
        result = commit(uri, SECOND)
        broker = Brokerage(uri)
        assert await broker.request(SECOND) == result
        assert await broker.lease("f", 0.0) is None

    run(ask())


def test_a_step_whose_files_were_cut_short_is_trained_again_though_nothing_builds_on_it(uri: str) -> None:
    async def ask() -> None:
        commit(uri, FIRST)
        (file,) = Path(uri).glob("steps/*/*/*/head.json")
        file.write_text("{")
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        assert await work_off(broker, uri) == [FIRST]
        assert (await asked).title == FIRST.title
        assert list(Path(uri).glob(f"aside/{FIRST.key}-1"))

    run(ask())


def test_what_a_step_builds_on_is_learnt_first(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(THIRD))
        assert await work_off(broker, uri) == [FIRST, SECOND, THIRD]
        assert (await asked).title == THIRD.title

    run(ask())


def test_what_lies_beside_a_step_is_learnt_first_too(uri: str) -> None:
    async def ask() -> None:
        broker, composed = Brokerage(uri), replace(SECOND, auxiliary=(SIBLING,))
        asked = asyncio.ensure_future(broker.request(composed))
        learnt = await work_off(broker, uri)
        assert learnt[0] == FIRST
        assert set(learnt[1:]) == {SIBLING, composed}
        assert learnt[-1] == composed
        assert (await asked).title == composed.title

    run(ask())


def test_anticipated_steps_are_learnt_before_anyone_asks(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([SIBLING, SECOND, FIRST])
        assert set(await work_off(broker, uri)) == {FIRST, SECOND, SIBLING}

    run(ask())


def test_once_it_is_closed_fleets_are_sent_home(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([FIRST])
        await settle()
        await broker.close()
        assert await broker.lease("f", 5.0) == "close"

    run(ask())


def test_a_fleet_that_waits_gets_a_step_that_comes_in_time(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        waiting = asyncio.ensure_future(broker.lease("f", 10.0))
        await settle()
        await broker.anticipate([FIRST])
        assert await waiting == Lease(step=FIRST)

    run(ask())


def test_the_status_counts_what_waits_runs_and_is_done(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        assert (await broker.status()).fleets == 0
        await broker.anticipate([THIRD, SIBLING])
        lease = await take(broker)
        assert (await broker.status()).fleets == 1
        await broker.renew("f", lease, 0.25)
        status = await broker.status()
        assert status.states == {"running": 1, "waiting": 3}
        assert status.running == (RunningStep(fleet="f", title=FIRST.title, progress=0.25),)
        course = Course(loss=1.5, updates_per_second=20.0)
        await broker.broker.renew("f", FIRST.key, "", 0.5, course)
        (step,) = (await broker.status()).running
        assert (step.progress, step.seed, step.course) == (0.5, FIRST.seed, course)
        commit(uri, FIRST)
        await broker.done(lease, 7.0)
        await settle()
        status = await broker.status()
        assert status.states == {"done": 1, "queued": 2, "waiting": 1}
        assert (status.trained, status.trained_seconds, status.newest) == (1, 7.0, (FIRST.key,))
        assert await broker.broker.trained_by() == {FIRST.key: "f"}

    run(ask())


def test_two_scopes_share_nothing(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        commit(uri, FIRST)
        askers = [asyncio.ensure_future(broker.request(FIRST, f"private/{name}")) for name in "ab"]
        assert await work_off(broker, uri) == [FIRST, FIRST]
        assert [answer.hooks["scope"] for answer in await asyncio.gather(*askers)] == ["private/a", "private/b"]
        assert replace(Store.open(uri), scope="private/a").find(FIRST.key) is not None

    run(ask())
