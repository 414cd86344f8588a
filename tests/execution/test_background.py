from __future__ import annotations

import asyncio

import pytest

from atlas.execution.background import BackgroundTasks


def test_a_task_that_nobody_awaits_runs_to_its_end_and_its_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work(seen: list[str], error: Exception | None) -> None:
        await asyncio.sleep(0)
        seen.append("done")
        if error is not None:
            raise error

    async def start() -> list[str]:
        background, seen = BackgroundTasks(), []
        background.run(work(seen, None))
        background.run(work(seen, RuntimeError("it breaks")))
        for _ in range(4):
            await asyncio.sleep(0)
        return seen

    assert asyncio.run(start()) == ["done", "done"]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["it breaks"]
