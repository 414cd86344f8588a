from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from atlas.execution.status import BrokerStatus, Course, RunningStep
from atlas.search.callback import TrialJournal
from atlas.search.trial_record import TrialRecord
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


def test_percent_of_each_task_alone_are_said_to_be_that(ended: FinishedSweep) -> None:
    relative = view(ended, STATUS)
    relative.measured = "val, of alone"
    assert "best so far 51.0 % (val, of alone): easy-vqa > digits" in seen(relative)


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


TASKS_4 = ("easy-vqa", "digits", "easy-ve", "piqa-twin")


def trial_of(record: TrialRecord, order: tuple[str, ...], **changed: Any) -> TrialRecord:
    """A trial along that order, as `record` else."""
    return replace(record, config=replace(record.config, orders=(order,)), **changed)


def of_four(ended: FinishedSweep) -> LiveView:
    """A view on a sweep of four tasks: two trials have ended, two have two tasks behind them."""
    shown, first = view(ended, STATUS), ended.trials[0]
    turned = (TASKS_4[0], *reversed(TASKS_4[1:-1]), TASKS_4[-1])
    shown.journal.trials = {
        "0": trial_of(first, TASKS_4, objective=61.2),
        "1": trial_of(first, TASKS_4[::-1], status="RUNNING", tasks_seen=2, objective=102.0),
        "2": trial_of(first, turned, objective=60.1),
        "3": trial_of(first, turned[::-1], status="RUNNING", tasks_seen=1, objective=150.0),
    }
    return shown


def panel_of(shown: LiveView, status: BrokerStatus, width: int) -> list[str]:
    """The lines of the panel on a terminal of so many columns."""
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(shown._panel(Snapshot(broker=status), width))
    return console.export_text().splitlines()


def test_a_bar_shows_how_much_is_done_and_how_fast(ended: FinishedSweep) -> None:
    shown = view(ended, STATUS, status="RUNNING")
    shown.plan = replace(ended.plan, distinct=10, stored=0)
    shown._started -= 60
    lines = panel_of(shown, STATUS, 80)
    assert "━" * 40 in lines[1]
    assert " 25 % " in lines[1]  # two steps, and half of a third
    assert "25 % done, 2.0 steps a minute" in lines[2]


def test_from_the_first_prefix_on_the_trial_that_leads_is_named(ended: FinishedSweep) -> None:
    shown = of_four(ended)
    text = " · ".join(shown._lines(Snapshot(broker=STATUS)))
    order = " > ".join(TASKS_4[::-1])
    assert f"leading after 2 of 4 tasks: {order} (102.0 % of alone)" in text
    assert f"best so far 61.2 % (val): {' > '.join(TASKS_4)}" in text


def test_a_running_step_has_its_seed_loss_and_speed(ended: FinishedSweep) -> None:
    course = Course(loss=1.2345, updates_per_second=14.2)
    step = replace(STATUS.running[0], seed=3, course=course)
    text = "\n".join(panel_of(view(ended, STATUS), replace(STATUS, running=(step,)), 130))
    assert " 50 % digits (expansion)  seed 3, loss 1.23, 14.2/s" in text


def test_the_trials_that_ended_last_come_first(ended: FinishedSweep) -> None:
    shown = of_four(ended)
    panel_of(shown, STATUS, 130)
    shown.journal.trials["1"].status = "PRUNED"
    ends = [line for line in panel_of(shown, STATUS, 130) if line.startswith(("│ finished", "│ pruned"))]
    assert [line.split()[1:3] for line in ends] == [["pruned", "102.0"], ["finished", "60.1"], ["finished", "61.2"]]


def test_at_80_columns_nothing_is_cut_off_and_names_stay_different(ended: FinishedSweep) -> None:
    pasts = ("easy-vqa > piqa-twin > easy-ve", "easy-vqa > easy-ve > piqa-twin", "easy-ve > easy-vqa > piqa-twin")
    course = Course(loss=0.123, updates_per_second=123.4)
    steps = tuple(
        RunningStep(fleet=f"x-fleet-{place}", title=f"digits (expansion) after {past}", progress=0.5, course=course)
        for place, past in enumerate(pasts)
    )
    lines = panel_of(of_four(ended), replace(STATUS, running=steps), 80)
    assert {len(line) for line in lines} == {80}
    names = [line.partition("%")[2].rpartition("seed")[0].strip() for line in lines if line.startswith("│ fleet")]
    assert len(set(names)) == 3
    assert all(name.startswith("digits") for name in names)
    assert sum("123.4/s" in line for line in lines) == 3


def test_an_interrupt_says_what_is_waited_for_and_ranks_nothing_unfinished(ended: FinishedSweep) -> None:
    shown = of_four(ended)
    shown.plan = replace(ended.plan, trials=6)
    shown.interrupt()
    said = " ".join(shown.console.export_text().split())
    assert "waiting for the search to save its state; then the results of the 2 trials that finished" in said
    assert "4 unfinished ones are not ranked. Ctrl-C again stops at once." in said
    text = "\n".join(panel_of(shown, STATUS, 130))
    assert "atlas · interrupted" in text
    assert "leading" not in text
