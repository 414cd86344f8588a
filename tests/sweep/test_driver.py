"""The driver without a cluster: its parts end in their order, and no error of one hides another's."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from atlas.execution.status import BrokerStatus
from atlas.search.callback import TrialJournal, listening_callback
from atlas.search.trial_record import TrialRecord
from atlas.steps.walk import Walk
from atlas.sweep import driver as module
from atlas.sweep import live_view
from atlas.sweep.driver import SweepDriver
from atlas.sweep.live_view import LiveView
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.supervision import Snapshot
from atlas.tracking import StepFinished
from tests.sweep.parts import Tracking, Training, console, run_of


class Search:
    """A search that calls a function instead."""

    def __init__(self, act: Any = lambda: None) -> None:
        self.act = act
        self.runs = 0

    def run(self, *, resume: bool) -> None:
        """Run it."""
        self.runs += 1
        self.act()


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    return Tracking(tmp_path / "lines")


@pytest.fixture
def driver(
    ended: FinishedSweep, tmp_path: Path, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SweepDriver]:
    """A driver whose fleets and broker are in this process, with SIGINT as a program in the foreground has it."""
    made = SweepDriver(run_of(ended, tmp_path / "storage"), console())
    training = Training()

    @contextmanager
    def trained(_: SweepDriver) -> Iterator[Training]:
        yield training

    monkeypatch.setattr(module, "TrackingClient", lambda *_: tracking)
    monkeypatch.setattr(SweepDriver, "_training", trained)
    monkeypatch.setattr(module.Prefetch, "tell", lambda *_: False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield made
    signal.signal(signal.SIGINT, before)


def searching(monkeypatch: pytest.MonkeyPatch, act: Any = lambda: None) -> Search:
    """Let the driver's search do that."""
    search = Search(act)
    monkeypatch.setattr(module, "search_of", lambda *_: search)
    return search


def ending(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Let the sweep's end do that."""
    monkeypatch.setattr(module, "end_sweep", act)


def test_a_view_that_cannot_draw_stops_neither_fleets_nor_search(
    driver: SweepDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("it cannot be drawn")

    monkeypatch.setattr(live_view, "REFRESH", 0.001)
    monkeypatch.setattr(LiveView, "_lines", fail)
    search = searching(monkeypatch, lambda: driver._supervisor.wait_for(lambda now: bool(now.broker.fleets)))  # type: ignore[union-attr]
    ending(monkeypatch, lambda *_, failure: failure == "")
    assert driver.drive()
    assert search.runs == 1


def test_an_error_is_raised_as_it_came_although_recording_it_fails(
    driver: SweepDriver, tracking: Tracking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the summary is impossible")

    searching(monkeypatch)
    ending(monkeypatch, fail)
    tracking.away = ConnectionError("the actor is gone")
    with pytest.raises(RuntimeError, match="the summary is impossible") as raised:
        driver.drive()
    assert raised.value.__context__ is None
    assert "recording that the sweep failed: the actor is gone" in caplog.text


def test_a_sweep_whose_spending_cannot_be_recorded_comes_to_its_end(
    driver: SweepDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("atlas.sweep.folder.write_spending", full)
    searching(monkeypatch)
    ending(monkeypatch, lambda *_, failure: failure == "")
    assert driver.drive()


def test_an_error_ends_the_sweep_as_failed(
    driver: SweepDriver, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("Tune broke")

    searching(monkeypatch, fail)
    with pytest.raises(RuntimeError, match="Tune broke"):
        driver.drive()
    assert tracking.ends == ["FAILED"]


def test_an_interrupt_while_the_sweep_ends_stops_it_at_once_and_the_next_is_heard(
    driver: SweepDriver, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching(monkeypatch)
    ending(monkeypatch, lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert not driver.drive()
    assert tracking.ends == ["KILLED"]
    text = driver.console.export_text()
    assert "interrupted; stopping at once" in text
    assert "--resume" in text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_the_search_runs_ends_the_sweep_with_what_there_is(
    driver: SweepDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    searching(monkeypatch, interrupt)
    ending(monkeypatch, lambda *_, failure: failure == "")
    assert driver.drive()


def test_held_out_orders_are_walked_with_the_setting_that_the_summary_takes_for_the_best(
    driver: SweepDriver, ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two trials that are tied the first is the best: of those foreseen, not of those that happened to begin."""
    foreseen = replace(driver.run.proposals, trials=[record.walks for record in ended.trials])
    driver.run = replace(driver.run, proposals=foreseen)
    tied = {record.id: replace(record, status="FINISHED", objective=50.0) for record in reversed(ended.trials)}
    walked: list[str] = []
    shown: list[str] = []

    def finish(_: object, trials: list[TrialRecord], *__: object, **___: object) -> bool:
        shown.extend(record.id for record in trials)
        return True

    def hold_out(_: object, trials: list[TrialRecord]) -> list[Walk]:
        walked.extend(record.id for record in trials)
        return []

    def begin() -> None:
        (listener,) = journals
        listener.trials.update(tied)

    journals: list[TrialJournal] = []
    monkeypatch.setattr(module, "listen", lambda journal: journals.append(journal) if journal is not None else None)
    monkeypatch.setattr(module, "held_out_walks", hold_out)
    monkeypatch.setattr(SweepDriver, "_all_ended", lambda *_: True)
    searching(monkeypatch, begin)
    ending(monkeypatch, finish)
    assert driver.drive()
    assert walked == shown == [record.id for record in ended.trials]


def test_a_broker_that_does_not_recover_ends_the_search_with_its_reason(
    driver: SweepDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("the broker cannot start")

    monkeypatch.setattr("atlas.sweep.supervision.FAILING_SECONDS", 0.0)
    monkeypatch.setattr(module.Prefetch, "tell", fail)
    search = searching(monkeypatch)
    told: list[str] = []
    ending(monkeypatch, lambda *_, failure: told.append(failure))
    driver.drive()
    assert told == ["supervising the sweep fails: the broker cannot start, for 0 s"]
    assert search.runs == 0


def test_a_step_is_recorded_while_the_search_runs_once_it_is_trained(
    driver: SweepDriver, tracking: Tracking, ended: FinishedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, *_) = ended.trials[0].steps[0]

    def turn() -> None:
        now = BrokerStatus(states={"done": 1}, fleets=1, newest=(key, "of another sweep"))
        driver._supervisor = cast(Any, SimpleNamespace(snapshot=Snapshot(broker=now)))  # which no thread renews
        listening_callback().on_step_end(0, [])

    searching(monkeypatch, turn)
    ending(monkeypatch, lambda *_, **__: True)
    assert driver.drive()
    assert [event.key for event in tracking.events if isinstance(event, StepFinished)] == [key]


def test_unfinished_trials_end_as_killed(ended: FinishedSweep) -> None:
    from dataclasses import replace

    journal = TrialJournal(ended.inputs.graph)
    first, second = ended.trials
    journal.trials = {"0": replace(first, status="RUNNING"), "1": second}
    changed: list[str] = []

    class Reporter:
        def trial_changed(self, record: Any, taken: list[Any]) -> None:
            changed.append(record.id)

    module._end_trials(journal, Reporter())  # type: ignore[arg-type]
    assert [trial.status for trial in journal.trials.values()] == ["KILLED", "FINISHED"]
    assert changed == [first.id]
