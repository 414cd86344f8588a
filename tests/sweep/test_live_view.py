from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from atlas.execution.status import BrokerStatus, RunningStep
from atlas.search.callback import TrialJournal
from atlas.sweep import live_view
from atlas.sweep.live_view import LiveView
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.supervision import Snapshot

STATUS = BrokerStatus(
    fleets=1,
    states={"done": 2, "running": 1, "queued": 3, "waiting": 1},
    running=(RunningStep(fleet="task-order-20261125-184625-ca90-fleet-0", title="digits (expansion)", progress=0.5),),
    trained=2,
    trained_seconds=8.0,
)


def view(ended: FinishedSweep, now: BrokerStatus, *, terminal: bool = False, **trial: Any) -> LiveView:
    """A view on both trials, the first of them changed."""
    console = Console(record=True, width=200, file=io.StringIO(), force_terminal=terminal)
    journal = TrialJournal(ended.inputs.graph)
    first, second = ended.trials
    journal.trials = {"0": replace(first, **trial), "1": second}
    return LiveView(console, ended.plan, journal, lambda: Snapshot(broker=now))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "REFRESH", 0.001)


def seen(shown: LiveView) -> str:
    """The text of the live view after a few refreshes."""
    drawn = threading.Semaphore(0)
    newest = shown.newest

    def counted() -> Snapshot:
        drawn.release()
        return newest()

    shown.newest = counted
    with shown:
        for _ in range(3 if shown.console.is_terminal else 1):
            assert drawn.acquire(timeout=10)
    return shown.console.export_text()


def wait_until(what: Callable[[], bool]) -> None:
    """Wait until it is true; fails after a while."""
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_plain_lines_say_what_is_done_and_what_is_left(ended: FinishedSweep) -> None:
    text = seen(view(ended, STATUS, status="RUNNING"))
    assert "trials 1 of 2" in text
    assert "steps trained 2, running 1, waiting 4, used again 4" in text
    assert "best so far 51.0 % (val): easy-vqa > digits" in text
    left = (ended.plan.missing - 2) * 8.0 / 2
    assert f"about {round(left)} s left" in text


def test_plain_lines_come_seldom(ended: FinishedSweep) -> None:
    assert seen(view(ended, STATUS)).count("steps trained") == 1


def test_failed_trials_are_counted(ended: FinishedSweep) -> None:
    assert "trials 2 of 2 (1 failed)" in seen(view(ended, STATUS, status="FAILED"))


def test_before_anything_ended_there_is_no_best_and_the_plans_estimate(ended: FinishedSweep) -> None:
    status = BrokerStatus()
    shown = view(ended, status)
    shown.journal.trials.clear()
    text = seen(shown)
    assert "best so far –" in text
    assert "in all" in text


def test_a_plan_with_nothing_to_train_says_so(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS)
    shown.plan = replace(ended.plan, stored=ended.plan.distinct)
    assert "nothing to train" in seen(shown)


def test_a_terminal_shows_a_panel_with_what_runs(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS, terminal=True)
    seen(shown)
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(shown._panel(Snapshot(broker=STATUS)))
    text = console.export_text()
    assert "digits (expansion)" in text
    assert "fleet 0 " in text
    assert "━" * 16 in text


def broken(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    """Methods of the view that raise from now on."""

    def fail(*_: object) -> None:
        raise ValueError("it cannot be drawn")

    for method in methods:
        monkeypatch.setattr(LiveView, method, fail)


def test_where_the_panel_cannot_be_drawn_plain_lines_follow_and_the_error_is_logged_once(
    ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken(monkeypatch, "_panel")
    shown = view(ended, STATUS, terminal=True)
    with shown:
        wait_until(lambda: "steps trained 2" in shown.console.export_text(clear=False))
    assert caplog.text.count("the view of the sweep failed") == 1
    assert "it cannot be drawn" in caplog.text


def test_where_nothing_can_be_drawn_the_view_ends_and_leaving_it_raises_nothing(
    ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken(monkeypatch, "_panel", "_lines")
    with view(ended, STATUS, terminal=True) as shown:
        wait_until(lambda: not shown._thread.is_alive())
    assert caplog.text.count("the view of the sweep failed; the sweep goes on") == 2


def test_settings_that_look_like_markup_are_shown_as_they_are(ended: FinishedSweep) -> None:
    step = replace(STATUS.running[0], title="digits [/bold]")
    shown = view(ended, replace(STATUS, running=(step,)), terminal=True)
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(shown._panel(Snapshot(broker=shown.newest().broker, notes=("lost: [Errno 5]", "[/red]"))))
    text = console.export_text()
    assert "digits [/bold]" in text
    assert "lost: [Errno 5]" in text


def test_notes_and_the_age_of_an_old_snapshot_are_shown(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS)
    old = Snapshot(broker=STATUS, at=time.monotonic() - 90, notes=("the broker does not answer",))
    shown.newest = lambda: old
    text = seen(shown)
    assert "the broker does not answer" in text
    assert "as of 1 min 30 s ago" in text
