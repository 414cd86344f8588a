"""The scheduler while a store answers late, wrongly or not at all, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from atlas.execution.job import Job, JobKey
from atlas.execution.scheduler import Scheduler
from atlas.simulation import MemoryStore, run_virtually
from atlas.simulation.broker_handle import VirtualClock
from atlas.simulation.memory_store import MemoryStoreView
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult
from tests.execution.fleet import FIRST, OTHER, SECOND

OTHERS = "another sweep"


@dataclass
class FailingView(MemoryStoreView):
    """A sweep's view of a store whose calls fail, while `errors` names them."""

    errors: dict[str, Exception] = field(default_factory=dict)

    async def look_up(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        self._fail("look_up")
        return await super().look_up(scope, keys)

    async def acquire(self, job_key: JobKey) -> bool:
        self._fail("acquire")
        return await super().acquire(job_key)

    async def wait_for_other(self, job_key: JobKey) -> bool:
        self._fail("wait_for_other")
        return await super().wait_for_other(job_key)

    def release(self, job_key: JobKey) -> None:
        self._fail("release")
        super().release(job_key)

    def _fail(self, call: str) -> None:
        if call in self.errors:
            raise self.errors[call]


@dataclass
class Scheduled:
    """A scheduler over a store in memory that answers after a second."""

    view: FailingView = field(default_factory=lambda: FailingView(MemoryStore(latency=1.0), "own"))

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.view, VirtualClock(), lambda job: 1.0)

    async def queued(self, step: Step) -> Job:
        """The job of a step, once it is queued, or was found."""
        job = self.scheduler.want(step, "")
        await asyncio.sleep(2.0)
        return job

    def commit(self, step: Step) -> None:
        """Another sweep has trained the step."""
        self.view.store.commit(("", step.key), StepResult(title=step.title))


def test_a_lease_that_is_asked_for_by_one_that_goes_away_goes_to_the_next() -> None:
    async def go() -> None:
        scheduled = Scheduled()
        first, second = await scheduled.queued(OTHER), await scheduled.queued(FIRST)
        scheduled.scheduler.queue.discard(second)
        asking = asyncio.ensure_future(scheduled.scheduler.acquire(second))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.wait([asking])
        assert (second.state, scheduled.scheduler.queue.first) == ("queued", second)
        assert first.state == "queued"

    run_virtually(go())


def test_a_step_that_was_trained_meanwhile_is_not_leased() -> None:
    async def go() -> None:
        scheduled = Scheduled()
        job = await scheduled.queued(FIRST)
        scheduled.commit(FIRST)
        assert not await scheduled.scheduler.acquire(job)
        assert job.state == "done"

    run_virtually(go())


def test_a_step_that_a_fleet_presumed_dead_goes_on_with_is_not_leased_to_another() -> None:
    async def go() -> None:
        scheduled = Scheduled()
        job = await scheduled.queued(FIRST)
        asking = asyncio.ensure_future(scheduled.scheduler.acquire(job))
        await asyncio.sleep(0.5)
        scheduled.scheduler.renew(job, "f", 0.5)
        assert not await asking
        assert (job.state, job.fleet, job.progress) == ("running", "f", 0.5)

    run_virtually(go())


def test_a_step_whose_lease_cannot_be_asked_for_fails_in_a_way_that_is_tried_again() -> None:
    async def go() -> None:
        scheduled = Scheduled()
        job = await scheduled.queued(FIRST)
        scheduled.view.errors["acquire"] = OSError("the bucket is gone")
        assert not await scheduled.scheduler.acquire(job)
        assert (job.state, job.final) == ("failed", False)
        assert job.reason == f"{FIRST.title}: its result could not be looked up: the bucket is gone"
        scheduled.view.errors.clear()
        assert (await scheduled.queued(FIRST)).state == "queued"
        assert await scheduled.scheduler.acquire(job)

    run_virtually(go())


def test_what_a_failed_step_builds_on_cannot_be_looked_up() -> None:
    async def go() -> None:
        scheduled = Scheduled()
        scheduled.commit(FIRST)
        job = await scheduled.queued(SECOND)
        await asyncio.sleep(2.0)
        scheduled.view.errors["look_up"] = OSError("the bucket is gone")
        await scheduled.scheduler.fail_attempt(job, "a worker found it damaged")
        assert (job.state, job.final) == ("failed", False)
        assert job.reason.endswith("its result could not be looked up: the bucket is gone")

    run_virtually(go())


@pytest.mark.parametrize("state", ["elsewhere", "failed"])
def test_a_step_of_another_sweep_that_cannot_be_waited_for_fails_unless_it_has_ended(state: str) -> None:
    async def go() -> None:
        scheduled = Scheduled()
        job = await scheduled.queued(FIRST)
        scheduled.view.store.owners[job.job_key] = OTHERS
        scheduled.view.errors["wait_for_other"] = OSError("the bucket is gone")
        assert not await scheduled.scheduler.acquire(job)
        assert job.state == "elsewhere"
        if state == "failed":
            scheduled.scheduler.give_up("no fleet is left")
        await asyncio.sleep(1.0)
        assert job.state == "failed"
        assert job.reason.endswith("the bucket is gone" if state == "elsewhere" else "no fleet is left")

    run_virtually(go())


def test_what_breaks_as_one_lease_ends_is_tried_again_and_keeps_no_other_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def go() -> None:
        scheduled = Scheduled()
        jobs = [await scheduled.queued(step) for step in (FIRST, OTHER)]
        for job, fleet in zip(jobs, "fg", strict=True):
            scheduled.scheduler.start(job, fleet)
        scheduled.view.errors["release"] = OSError("the bucket is gone")
        await asyncio.sleep(61.0)
        assert [job.state for job in jobs] == ["running", "running"]
        assert "the lease of" in caplog.text
        scheduled.view.errors.clear()
        await asyncio.sleep(61.0)
        assert [job.state for job in jobs] == ["queued", "queued"]
        assert [job.losses for job in jobs] == [1, 1]

    run_virtually(go())
