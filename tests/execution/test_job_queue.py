from __future__ import annotations

import asyncio

from atlas.execution.clock import SystemClock
from atlas.execution.job import Job
from atlas.execution.job_queue import JobQueue
from tests.execution.fleet import FIRST, OTHER, SECOND, run

JOBS = [Job(step, "") for step in (FIRST, SECOND, OTHER)]


def test_jobs_leave_in_their_order_the_first_before_all_and_the_discarded_not_at_all() -> None:
    async def ask() -> None:
        queue = JobQueue(SystemClock())
        first, second, third = JOBS
        queue.push(first)
        queue.push(second)
        queue.push(third, first=True)
        queue.discard(first)
        queue.discard(first)
        assert [queue.pop(), queue.pop(), queue.pop()] == [third, second, None]

    run(ask())


def test_each_job_wakes_the_one_that_waits_longest() -> None:
    async def ask() -> None:
        queue = JobQueue(SystemClock())
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
        queue = JobQueue(SystemClock())
        gone, second = (asyncio.ensure_future(queue.wait(10.0)) for _ in range(2))
        await asyncio.sleep(0)
        queue.push(JOBS[0])
        gone.cancel()
        await second
        assert gone.cancelled()
        assert queue.pop() is JOBS[0]

    run(ask())


def test_waiting_ends_without_a_job_too() -> None:
    async def ask() -> None:
        queue = JobQueue(SystemClock())
        await queue.wait(0.0)
        assert queue.pop() is None

    run(ask())
