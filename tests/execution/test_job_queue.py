from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from atlas.execution.clock import SystemClock
from atlas.execution.job import Job
from atlas.execution.job_queue import JobQueue
from tests.execution.fleet import FIRST, OTHER, SECOND, run

JOBS = [Job(step, "") for step in (FIRST, SECOND, OTHER)]


def new_queue(seconds: Sequence[float] = (0.0, 0.0, 0.0), few: int = 0) -> JobQueue:
    """A queue that expects so many seconds to be left for each of the jobs."""
    expected = {job.step.key: time for job, time in zip(JOBS, seconds, strict=True)}
    return JobQueue(SystemClock(), lambda job: expected[job.step.key], few)


def taken(queue: JobQueue) -> list[Job]:
    """The jobs in the order in which they leave."""
    jobs = []
    while (job := queue.first) is not None:
        queue.discard(job)
        jobs.append(job)
    return jobs


def test_jobs_leave_in_their_order_the_first_before_all_and_the_discarded_not_at_all() -> None:
    async def ask() -> None:
        queue = new_queue()
        first, second, third = JOBS
        queue.push(first)
        queue.push(second)
        queue.push(third, first=True)
        queue.discard(first)
        queue.discard(first)
        assert taken(queue) == [third, second]

    run(ask())


@pytest.mark.parametrize(
    ("few", "seconds", "order"),
    [
        (0, (1.0, 2.0, 3.0), (0, 1, 2)),
        (2, (1.0, 2.0, 3.0), (0, 2, 1)),
        (3, (1.0, 2.0, 3.0), (2, 1, 0)),
        (3, (1.0, 1.0, 1.0), (0, 1, 2)),
    ],
    ids=["by age", "the last two are few", "three are few", "of equal length"],
)
def test_of_few_jobs_the_longest_leaves_first(few: int, seconds: Sequence[float], order: Sequence[int]) -> None:
    queue = new_queue(seconds, few)
    for job in JOBS:
        queue.push(job)
    assert taken(queue) == [JOBS[place] for place in order]


def test_a_job_that_goes_first_does_so_whatever_its_length_until_it_leaves() -> None:
    queue = new_queue((1.0, 2.0, 3.0), few=3)
    for job in JOBS:
        queue.push(job, first=job is JOBS[0])
    assert queue.first is JOBS[0]
    queue.push(JOBS[0])
    assert taken(queue) == [JOBS[2], JOBS[1], JOBS[0]]


def test_each_job_wakes_the_one_that_waits_longest() -> None:
    async def ask() -> None:
        queue = new_queue()
        first, second = (asyncio.ensure_future(queue.wait(10.0)) for _ in range(2))
        await asyncio.sleep(0)
        queue.push(JOBS[0])
        await first
        assert not second.done()
        queue.push(JOBS[1])
        await second

    run(ask())


def test_one_that_is_woken_and_goes_away_wakes_the_next() -> None:
    async def ask() -> None:
        queue = new_queue()
        gone, second = (asyncio.ensure_future(queue.wait(10.0)) for _ in range(2))
        await asyncio.sleep(0)
        queue.push(JOBS[0])
        gone.cancel()
        await second
        assert gone.cancelled()
        assert queue.first is JOBS[0]

    run(ask())


def test_waiting_ends_without_a_job_too() -> None:
    async def ask() -> None:
        queue = new_queue()
        await queue.wait(0.0)
        assert queue.first is None

    run(ask())
