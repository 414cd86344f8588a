"""A sweep that is interrupted and killed again and again, each time resumed: nothing that was committed is lost."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import read_events
from benchmarks.processes import called, children
from tests.e2e.commands import SMALL, WAIT, run
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import committed, expect_undisturbed
from tests.losses import Losses

pytestmark = pytest.mark.slow
MARK = "ATLAS_MARK=interrupts"
Start = Callable[..., "subprocess.Popen[str]"]


@dataclass
class Life:
    """One sweep that is ended before its end, and resumed, as often as a test wants."""

    storage: Path
    start: Start
    losses: Losses
    learnt: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(self) -> subprocess.Popen[str]:
        """Start the sweep."""
        return self._start(*SMALL, "--fleets", "1")

    def resume(self, *arguments: str) -> subprocess.Popen[str]:
        """Resume it, after the last fault."""
        self.losses.resumed()
        return self._start(*arguments, "--resume")

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        self.since = time.time()
        return self.start(*arguments, storage=self.storage, ATLAS_MARK="interrupts", **self.losses.shell)

    def goes_on(self) -> bool:
        """Whether a step was committed since the last fault."""
        return len(committed(self.storage)) > len(self.learnt)

    def is_ending(self) -> bool:
        """Whether this run has written its summary."""
        return any(path.stat().st_mtime > self.since for path in self.storage.glob("sweeps/*/summary.json"))

    def expect_kept(self) -> None:
        """Every step committed before the last fault is as it was."""
        now = committed(self.storage)
        assert {key: now.get(key) for key in self.learnt} == self.learnt
        self.learnt = now


def test_a_sweep_interrupted_and_killed_again_and_again_is_resumed_and_ends_as_the_quiet_one(
    quiet: Path, prepared: Path, background: Start, losses: Losses
) -> None:
    sweep = Life(prepared, background, losses)
    interrupt_twice(sweep, sweep.begin())
    kill_the_driver(sweep, sweep.resume())
    interrupt_once(sweep, sweep.resume(*SMALL), steps=9)  # a trial is over
    done = run(*SMALL, "--resume", storage=prepared, **losses.shell)
    sweep.expect_kept()
    expect_undisturbed(prepared, quiet)
    assert "Leaderboard" in done.stdout


def interrupt_once(sweep: Life, process: subprocess.Popen[str], *, steps: int) -> None:
    """SIGINT once so many steps are committed and trials run: it says how to go on."""
    wait_for(lambda: len(committed(sweep.storage)) >= steps and called("trial", MARK), process=process)
    with sweep.losses.fault("SIGINT once"):
        process.send_signal(signal.SIGINT)
        expect_to_be_told_how_to_resume(process)
    sweep.expect_kept()


def kill_the_driver(sweep: Life, process: subprocess.Popen[str]) -> None:
    """SIGKILL in mid-sweep, before Tune wrote of the trials that it had begun: its whole cluster goes with it."""
    wait_for(
        lambda: len(committed(sweep.storage)) >= 3 and sweep.goes_on() and begun(sweep.storage) == 2, process=process
    )
    below = children(process.pid)
    with sweep.losses.fault("driver killed"):
        process.kill()
        expect_nothing_left(MARK, below)
    for state in sweep.storage.glob("sweeps/*/tune*/experiment_state-*"):
        state.unlink()
    sweep.expect_kept()


def interrupt_twice(sweep: Life, process: subprocess.Popen[str]) -> None:
    """The second SIGINT, as by an impatient person, while the first ends the sweep: it stops at once."""
    wait_for(sweep.goes_on, process=process)
    with sweep.losses.fault("SIGINT twice"):
        process.send_signal(signal.SIGINT)
        wait_for(sweep.is_ending, process=process)
        process.send_signal(signal.SIGINT)
        expect_to_be_told_how_to_resume(process)
    expect_nothing_left(MARK)
    sweep.expect_kept()


def expect_to_be_told_how_to_resume(process: subprocess.Popen[str]) -> None:
    """It ends with 1 and says how it is resumed."""
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 1, out
    assert "--resume task-order-" in out
    assert "Traceback" not in out


def begun(storage: Path) -> int:
    """The number of trials whose start is spooled for MLflow."""
    events = [event for folder in storage.glob("sweeps/*/spool") for event in read_events(folder)]
    return len({event.key for event in events if event.kind == "trial_started"})


def test_an_interrupt_while_data_is_prepared_is_a_line(tmp_path: Path, background: Start) -> None:
    storage = tmp_path / "storage"
    process = background(*SMALL, storage=storage)
    wait_for(lambda: list(storage.glob("data/*")), process=process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.splitlines()[-1] == "atlas: interrupted before the sweep began; the same command starts it"
    assert "Traceback" not in out
