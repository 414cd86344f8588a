"""The broker when fleets, steps, entries of the store or the broker itself are lost."""

from __future__ import annotations

import asyncio

import pytest

from atlas.execution.job import Lease, StepFailed
from atlas.execution.scheduler import LEASE_SECONDS, LEAVING_SECONDS, LOSSES
from atlas.execution.status import RunningStep
from tests.execution.fleet import (
    FIRST,
    OTHER,
    SECOND,
    SIBLING,
    THIRD,
    Brokerage,
    ManualClock,
    commit,
    run,
    settle,
    take,
    work_off,
)
from tests.losses import Losses


@pytest.fixture
def clock() -> ManualClock:
    """The broker's clock, to be turned forward by hand."""
    return ManualClock()


def test_a_fleet_that_starts_again_gives_back_what_it_had(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        await broker.anticipate([FIRST])
        lease = await take(broker, "dead")
        await broker.hello("other")
        assert await broker.lease("f", 0.0) is None
        await broker.hello("dead")
        assert await take(broker) == lease

    run(ask())


def test_a_lease_that_is_not_renewed_goes_to_another_fleet(uri: str, clock: ManualClock) -> None:
    async def ask() -> None:
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST])
        lease = await take(broker, "lost")
        clock.now = LEASE_SECONDS
        assert await broker.lease("f", 0.0) is None
        clock.now = LEASE_SECONDS + 1
        assert await take(broker) == lease
        assert (await broker.status()).running == (RunningStep(fleet="f", title=FIRST.title, progress=0.0),)

    run(ask())


def test_a_lease_that_is_renewed_is_kept(uri: str, clock: ManualClock) -> None:
    async def ask() -> None:
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST])
        lease = await take(broker)
        clock.now = LEASE_SECONDS
        await broker.renew("f", lease, 0.5)
        clock.now = 2 * LEASE_SECONDS - 1
        assert await broker.lease("other", 0.0) is None
        assert (await broker.status()).running == (RunningStep(fleet="f", title=FIRST.title, progress=0.5),)

    run(ask())


def test_a_fleet_thought_lost_may_still_bring_its_step(uri: str, clock: ManualClock) -> None:
    """Its late result counts, and the step is not trained a second time."""

    async def ask() -> None:
        broker = Brokerage(uri, clock=clock)
        asked = asyncio.ensure_future(broker.request(FIRST))
        lease = await take(broker, "slow")
        clock.now = LEASE_SECONDS + 1
        assert (await broker.status()).states == {"queued": 1}
        commit(uri, FIRST)
        await broker.done(lease, 9.0)
        assert (await asked).title == FIRST.title
        assert await broker.lease("f", 0.0) is None
        assert (await broker.status()).states == {"done": 1}

    run(ask())


def test_a_final_failure_reaches_all_askers_and_what_builds_on_it(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        askers = [asyncio.ensure_future(broker.request(step)) for step in (FIRST, FIRST, THIRD)]
        await broker.failed(await take(broker), "the loss became nan", final=True)
        answers = await asyncio.gather(*askers, return_exceptions=True)
        assert all(isinstance(answer, StepFailed) for answer in answers)
        assert str(answers[0]) == f"{FIRST.title}: the loss became nan"
        assert str(answers[2]).startswith(f"{THIRD.title}: a step that it builds on failed: ")
        assert "the loss became nan" in str(answers[2])
        assert await broker.lease("f", 0.0) is None
        assert (await broker.status()).states == {"failed": 3}

    run(ask())


def test_a_step_that_failed_for_good_is_not_learnt_again_and_one_that_was_given_up_is(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        for _ in range(2):
            refused = asyncio.ensure_future(broker.request(FIRST))
            if isinstance(lease := (await settle(), await broker.lease("f", 0.0))[1], Lease):
                await broker.failed(lease, "the loss became nan", final=True)
            with pytest.raises(StepFailed, match="the loss became nan"):
                await refused
        assert (await broker.status()).states == {"failed": 1}
        asked = asyncio.ensure_future(broker.request(SIBLING.builds_on[0]))
        with pytest.raises(StepFailed):
            await asked
        await broker.give_up("no fleet is left")
        later = asyncio.ensure_future(broker.request(OTHER))
        await settle()
        await broker.give_up("no fleet is left")
        with pytest.raises(StepFailed, match="no fleet is left"):
            await later
        later = asyncio.ensure_future(broker.request(OTHER))
        assert await work_off(broker, uri) == [OTHER]
        await later

    run(ask())


def test_a_step_that_kills_its_fleets_is_given_up(uri: str, losses: Losses) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        taken = []
        for _ in range(LOSSES):
            taken.append(await take(broker, "f"))
            await broker.hello("f")
        with pytest.raises(StepFailed, match=f"{LOSSES} workers died while they trained it"):
            await asked
        assert await broker.lease("f", 0.0) is None
        losses.note("a step that kills its workers", begun=len(taken), lost=len(taken), for_good=1)

    run(ask())


def test_a_fleet_whose_node_is_taken_away_keeps_its_lease_by_renewal_and_loses_it_soon_without(
    uri: str, clock: ManualClock
) -> None:
    async def ask() -> None:
        broker = Brokerage(uri, clock=clock)
        await broker.anticipate([FIRST])
        lease = await take(broker, "spot")
        await broker.leaving("spot")
        clock.now = LEAVING_SECONDS
        await broker.renew("spot", lease, 0.5)
        clock.now = 2 * LEAVING_SECONDS
        assert await broker.lease("f", 0.0) is None
        clock.advance(1)
        assert await take(broker) == lease

    run(ask())


def test_what_another_sweep_has_learnt_meanwhile_is_not_handed_out(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = [asyncio.ensure_future(broker.request(step)) for step in (FIRST, OTHER)]
        await settle()
        result = commit(uri, FIRST)
        assert (await take(broker)).step == OTHER
        assert await asked[0] == result

    run(ask())


def test_a_step_that_is_said_to_be_done_but_is_not_there_is_tried_three_times(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        for _ in range(3):
            await broker.done(await take(broker), 1.0)
        with pytest.raises(StepFailed, match="given up after 3 attempts: its result is not in the store"):
            await asked
        assert await broker.lease("f", 0.0) is None

    run(ask())


def test_the_same_line_of_a_users_file_fails_a_step_for_good_the_second_time_and_is_told_the_first(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        reason = "KeyError: 'digits' (/home/me/mine.py, line 3)"
        await broker.failed(await take(broker), reason, final=False, own=True)
        assert (await broker.status()).troubles == (f"{FIRST.title}: {reason}",)
        await settle()
        await broker.failed(await take(broker), reason, final=False, own=True)
        with pytest.raises(
            StepFailed, match=r"it failed at the same line twice: KeyError: 'digits' \(/home/me/mine.py"
        ):
            await asked
        assert (await broker.status()).troubles == ()
        assert await broker.lease("f", 0.0) is None

    run(ask())


def test_failures_at_different_lines_or_of_no_line_are_tried_three_times(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        for step, reasons, own in (
            (FIRST, ("a (mine.py, line 1)", "a (mine.py, line 2)", "a (mine.py, line 1)"), True),
            (OTHER, ("RuntimeError: CUDA error",) * 3, False),
        ):
            asked = asyncio.ensure_future(broker.request(step))
            for reason in reasons:
                await broker.failed(await take(broker), reason, final=False, own=own)
                await settle()
            with pytest.raises(StepFailed, match="given up after 3 attempts: "):
                await asked

    run(ask())


def test_a_trouble_that_passed_is_told_no_more(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        asked = asyncio.ensure_future(broker.request(FIRST))
        await broker.failed(await take(broker), "the store is away", final=False)
        assert len((await broker.status()).troubles) == 1
        assert await work_off(broker, uri) == [FIRST]
        await asked
        assert (await broker.status()).troubles == ()

    run(ask())


def test_a_broker_that_was_killed_learns_of_leases_by_their_renewal(uri: str) -> None:
    async def ask() -> None:
        lease = Lease(step=FIRST)
        broker = Brokerage(uri)
        await broker.renew("f", lease, 0.3)
        asked = asyncio.ensure_future(broker.request(FIRST))
        await settle()
        assert await broker.lease("other", 0.0) is None
        commit(uri, FIRST)
        await broker.done(lease, 1.0)
        assert (await asked).title == FIRST.title

    run(ask())


def test_a_broker_that_was_killed_takes_done_and_failed_steps_too(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        result = commit(uri, FIRST)
        await broker.done(Lease(step=FIRST), 1.0)
        assert await broker.request(FIRST) == result
        await broker.failed(Lease(step=SECOND), "no", final=True)
        assert (await broker.status()).states == {"done": 1, "failed": 1}

    run(ask())


def test_when_nobody_is_left_all_that_is_not_done_fails(uri: str) -> None:
    async def ask() -> None:
        broker = Brokerage(uri)
        result = commit(uri, FIRST)
        assert await broker.request(FIRST) == result
        asked = asyncio.ensure_future(broker.request(THIRD))
        await settle()
        await broker.give_up("no fleet is left")
        with pytest.raises(StepFailed, match="no fleet is left"):
            await asked
        assert await broker.request(FIRST) == result

    run(ask())
