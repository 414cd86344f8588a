"""Killed for real: nothing that was committed is trained again, and the numbers are those of the quiet run."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import read_events
from benchmarks.processes import children
from tests.e2e.conftest import (
    SMALL,
    WAIT,
    committed,
    expect_nothing_left,
    expect_undisturbed,
    matrices,
    run,
    summaries,
    wait_for,
)
from tests.losses import Losses

pytestmark = pytest.mark.slow
Start = Callable[..., Any]


def test_a_driver_killed_in_mid_sweep_is_resumed_without_training_anything_twice(
    quiet: Path, prepared: Path, background: Start, losses: Losses
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared, ATLAS_MARK="driver", **losses.shell)
    wait_for(lambda: len(committed(prepared)) >= 3 and begun(prepared) == 2, process=process)
    below = children(process.pid)
    with losses.fault("driver killed"):
        process.kill()
        expect_nothing_left("ATLAS_MARK=driver", below)
    before = committed(prepared)
    for state in prepared.glob("sweeps/*/tune/experiment_state-*"):
        state.unlink()  # as where it was killed before Tune wrote of the trials that it had begun
    losses.resumed()
    done = run(*SMALL, "--resume", storage=prepared, **losses.shell)
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)
    assert "Leaderboard" in done.stdout


def begun(storage: Path) -> int:
    """The number of trials whose start is spooled for MLflow."""
    events = [event for folder in storage.glob("sweeps/*/spool") for event in read_events(folder)]
    return len({event.key for event in events if event.kind == "trial_started"})


def test_entries_altered_and_cut_short_are_found_moved_aside_and_trained_again(
    quiet: Path, learnt: Path, losses: Losses
) -> None:
    (summary,) = summaries(quiet)[:1]
    first = summary["trials"][0]["step_keys"][0]
    last = summary["trials"][0]["step_keys"][-1]
    short = summary["trials"][1]["step_keys"][-1]
    for path in learnt.glob(f"store/steps/*/{first}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:-4] + b"oops")
    for path in learnt.glob(f"store/steps/*/{short}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    for path in learnt.glob(f"store/steps/*/{last}/commit.json"):
        path.unlink()
    run(*SMALL, "--fleets", "1", storage=learnt, **losses.shell)
    assert list(learnt.glob(f"store/aside/{first}*"))
    assert list(learnt.glob(f"store/aside/{short}*"))
    assert matrices(summaries(learnt)[-1]) == matrices(summaries(quiet)[0])
    again = losses.begun()
    assert again == 3
    losses.note("store entry altered, cut short, marker gone", begun=len(committed(quiet)) + again, lost=again)


@pytest.mark.parametrize("steps", [1, 9], ids=["early", "after a trial"])
def test_an_interrupted_sweep_says_how_to_go_on(
    steps: int, quiet: Path, prepared: Path, background: Start, losses: Losses
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared, **losses.shell)
    wait_for(lambda: len(committed(prepared)) >= steps, process=process)
    with losses.fault("SIGINT once"):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 1, out
    assert "--resume task-order-" in out
    losses.resumed()
    run("--resume", storage=prepared, **losses.shell)
    (summary,) = summaries(prepared)
    assert summary["sweep"]["status"] == "FINISHED"
    assert matrices(summary) == matrices(summaries(quiet)[0])
