from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from atlas.execution.status import BrokerStatus, RunningStep
from atlas.search.callback import TrialJournal
from atlas.sweep import live_view
from atlas.sweep.live_view import LiveView
from atlas.sweep.summary import FinishedSweep

STATUS = BrokerStatus(
    fleets=1,
    states={"done": 2, "running": 1, "queued": 3, "waiting": 1},
    running=(RunningStep(fleet="task-order-20261125-184625-ca90-fleet-0", title="digits (expansion)", progress=0.5),),
    trained=2,
    trained_seconds=8.0,
)


def view(ended: FinishedSweep, polled: BrokerStatus, *, terminal: bool = False, **trial: Any) -> LiveView:
    """A view on both trials, the first of them changed."""
    console = Console(record=True, width=200, file=io.StringIO(), force_terminal=terminal)
    journal = TrialJournal(ended.inputs.step_inputs)
    first, second = ended.trials
    journal.trials = {"0": replace(first, **trial), "1": second}
    return LiveView(console, ended.plan, journal, lambda: polled)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "REFRESH", 0.001)


def seen(shown: LiveView, status: BrokerStatus) -> str:
    """The text of the live view after a few polls."""
    import threading

    polled = threading.Event()
    count = [0]

    def on_status(found: BrokerStatus) -> None:
        assert found is status
        count[0] += 1
        if count[0] >= 3:
            polled.set()

    shown.on_status = on_status
    with shown:
        assert polled.wait(10)
    return shown.console.export_text()


def test_plain_lines_say_what_is_done_and_what_is_left(ended: FinishedSweep) -> None:
    text = seen(view(ended, STATUS, status="RUNNING"), STATUS)
    assert "trials 1 of 2" in text
    assert "steps trained 2, running 1, waiting 4, used again 4" in text
    assert "best so far 51.0 % (val): easy-vqa > digits" in text
    left = (ended.plan.missing - 2) * 8.0 / 2
    assert f"about {round(left)} s left" in text


def test_plain_lines_come_seldom(ended: FinishedSweep) -> None:
    assert seen(view(ended, STATUS), STATUS).count("steps trained") == 1


def test_failed_trials_are_counted(ended: FinishedSweep) -> None:
    assert "trials 2 of 2 (1 failed)" in seen(view(ended, STATUS, status="FAILED"), STATUS)


def test_before_anything_ended_there_is_no_best_and_the_plans_estimate(ended: FinishedSweep) -> None:
    status = BrokerStatus()
    shown = view(ended, status)
    shown.journal.trials.clear()
    text = seen(shown, status)
    assert "best so far –" in text
    assert "in all" in text


def test_a_plan_with_nothing_to_train_says_so(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS)
    shown.plan = replace(ended.plan, stored=ended.plan.distinct)
    assert "nothing to train" in seen(shown, STATUS)


def test_a_terminal_shows_a_panel_with_what_runs(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS, terminal=True)
    seen(shown, STATUS)
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(shown._panel(STATUS))
    text = console.export_text()
    assert "digits (expansion)" in text
    assert "fleet 0 " in text
    assert "━" * 16 in text
