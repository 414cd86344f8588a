from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

from atlas.execution.job import Job
from atlas.execution.lookups import Lookups
from atlas.execution.store_view import StoreView
from atlas.storage.step_result import StepResult
from tests.execution.fleet import FIRST, OTHER, SECOND


class Nothing:
    """A store without any step."""

    async def look_up(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        return {}


def test_an_answer_that_cannot_be_taken_is_an_error_of_its_job_alone() -> None:
    """Else whoever waits for this job, and for the others that were looked up with it, would wait for ever."""
    jobs = [Job(step, "") for step in (FIRST, OTHER, SECOND)]
    answered: list[Job] = []
    failed: list[tuple[Job, str]] = []

    def take(job: Job, found: bool) -> None:
        if job is jobs[0]:
            raise RuntimeError("it breaks")
        answered.append(job)

    async def look_up() -> None:
        store = cast(StoreView, Nothing())
        lookups = Lookups(store, take, lambda job, error: failed.append((job, str(error))))
        for job in jobs:
            lookups.add(job)
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(look_up())
    assert failed == [(jobs[0], "it breaks")]
    assert answered == jobs[1:]
