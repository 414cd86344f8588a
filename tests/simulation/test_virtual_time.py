"""Virtual time: timers fire in order without waiting, and a deadlock is an error."""

from __future__ import annotations

import asyncio

import pytest

from atlas.simulation.virtual_time import Stuck, run_virtually


def test_a_year_of_waiting_ends_at_once_and_timers_fire_in_order() -> None:
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, asyncio.get_running_loop().time()))

    async def both() -> None:
        await asyncio.gather(wait("year", 3.2e7), wait("hour", 3600.0), wait("now", 0.0))

    run_virtually(both())
    assert [name for name, _ in seen] == ["now", "hour", "year"]
    assert [at for _, at in seen] == pytest.approx([0.0, 3600.0, 3.2e7])


def test_a_condition_with_a_timeout_wakes_at_its_deadline() -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 60.0)
        return asyncio.get_running_loop().time()

    assert run_virtually(wait()) == pytest.approx(60.0)


def test_waiting_for_what_never_comes_is_an_error_and_not_for_ever() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="no timer is left"):
        run_virtually(wait())


def test_tasks_that_are_left_are_cancelled() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            while True:
                await asyncio.sleep(1.0)
        finally:
            ended.append("cancelled")

    async def start() -> None:
        task = asyncio.get_running_loop().create_task(forever())
        await asyncio.sleep(5.0)
        assert not task.done()

    run_virtually(start())
    assert ended == ["cancelled"]
