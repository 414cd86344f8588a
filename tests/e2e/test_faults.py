"""Killed for real: nothing that was committed is trained again, and the numbers are those of the quiet run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SMALL, children, committed, end, matrices, run, summaries, title_of, wait_for

pytestmark = pytest.mark.slow
Start = Callable[..., Any]


def test_a_driver_killed_in_mid_sweep_is_resumed_without_training_anything_twice(
    quiet: Path, prepared: Path, background: Start
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared)
    wait_for(lambda: len(committed(prepared)) >= 3, process=process)
    end(process, signal.SIGKILL)
    before = committed(prepared)
    done = run(*SMALL, "--resume", storage=prepared)
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(quiet)[0])
    assert "Leaderboard" in done.stdout


def test_a_worker_killed_in_mid_step_comes_back_and_the_step_is_done(
    quiet: Path, prepared: Path, background: Start
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared)
    wait_for(lambda: committed(prepared), process=process)
    workers = [pid for pid in children(process.pid) if "RayTrainWorker" in title_of(pid)]
    assert workers, [title_of(pid) for pid in children(process.pid)]
    before = committed(prepared)
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(timeout=240) == 0, process.communicate()[0]
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(quiet)[0])


def test_the_broker_killed_is_rebuilt_from_the_store(quiet: Path, prepared: Path, background: Start) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared)
    wait_for(lambda: committed(prepared), process=process)
    brokers = [pid for pid in children(process.pid) if "ray::Broker" in title_of(pid)]
    assert brokers, [title_of(pid) for pid in children(process.pid)]
    os.kill(brokers[0], signal.SIGKILL)
    assert process.wait(timeout=240) == 0, process.communicate()[0]
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(quiet)[0])


def test_an_altered_entry_is_found_moved_aside_and_trained_again(quiet: Path, prepared: Path) -> None:
    run(*SMALL, storage=prepared)
    (summary,) = summaries(prepared)
    first = summary["trials"][0]["step_keys"][0]
    last = summary["trials"][0]["step_keys"][-1]
    for path in prepared.glob(f"store/steps/*/{first}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:-4] + b"oops")
    for path in prepared.glob(f"store/steps/*/{last}/commit.json"):
        path.unlink()
    run(*SMALL, storage=prepared)
    assert list(prepared.glob(f"store/aside/{first}*"))
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(quiet)[0])


@pytest.mark.parametrize("steps", [1, 9], ids=["early", "after a trial"])
def test_an_interrupted_sweep_says_how_to_go_on(steps: int, quiet: Path, prepared: Path, background: Start) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared)
    wait_for(lambda: len(committed(prepared)) >= steps, process=process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 1, out
    assert "--resume task-order-" in out
    run("--resume", storage=prepared)
    (summary,) = summaries(prepared)
    assert summary["sweep"]["status"] == "FINISHED"
    assert matrices(summary) == matrices(summaries(quiet)[0])
