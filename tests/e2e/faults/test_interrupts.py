"""SIGINT twice, as by an impatient person, and early: it ends at once, says how to go on, and nothing is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SMALL, WAIT, committed, expect_nothing_left, expect_undisturbed, run, wait_for
from tests.losses import Losses

pytestmark = pytest.mark.slow
MARK = "ATLAS_MARK=interrupts"


def test_a_second_interrupt_while_the_first_ends_the_sweep_stops_it_at_once_and_it_is_resumed(
    quiet: Path, prepared: Path, background: Callable[..., Any], losses: Losses
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared, ATLAS_MARK="interrupts", **losses.shell)
    wait_for(lambda: committed(prepared), process=process)
    with losses.fault("SIGINT twice"):
        process.send_signal(signal.SIGINT)
        wait_for(lambda: list(prepared.glob("sweeps/*/summary.json")), process=process)  # it is ending
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 1, out
    assert "--resume task-order-" in out
    assert "Traceback" not in out
    expect_nothing_left(MARK)
    before = committed(prepared)
    losses.resumed()
    run(*SMALL, "--resume", storage=prepared, **losses.shell)
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)


def test_a_whole_sweep_that_is_interrupted_while_it_ends_is_brought_to_its_end_on_resuming(
    quiet: Path, learnt: Path, background: Callable[..., Any]
) -> None:
    process = background(*SMALL, storage=learnt)
    wait_for(lambda: list(learnt.glob("sweeps/*/summary.json")), process=process)  # all trials are done
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 1, out
    assert "--resume task-order-" in out
    assert "Traceback" not in out
    run(*SMALL, "--resume", storage=learnt)
    expect_undisturbed(learnt, quiet)


def test_an_interrupt_while_data_is_prepared_is_a_line(tmp_path: Path, background: Callable[..., Any]) -> None:
    storage = tmp_path / "storage"
    process = background(*SMALL, storage=storage)
    wait_for(lambda: list(storage.glob("data/*")), process=process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.splitlines()[-1] == "atlas: interrupted before the sweep began; the same command starts it"
    assert "Traceback" not in out
