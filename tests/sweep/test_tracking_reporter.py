from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from atlas.storage.store import Store
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.tracking_reporter import SHORT, sweep_metrics, trial_disparities
from atlas.tracking import Event, StepFinished, TrialFinished, TrialStarted, TrialStep
from tests.sweep.trials import play, reporter_of

T = TypeVar("T", bound=Event)


class Recorded:
    """A tracking client that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def test_each_trial_is_opened_and_closed_once(ended: FinishedSweep, recorded: Recorded) -> None:
    play(ended, reporter_of(ended, recorded))
    assert [event.trial for event in recorded.of(TrialStarted)] == ["trial-0", "trial-1"]
    assert [(event.trial, event.status) for event in recorded.of(TrialFinished)] == [
        ("trial-0", "FINISHED"),
        ("trial-1", "FINISHED"),
    ]
    (first, _) = recorded.of(TrialStarted)
    assert first.params["order"] == ["digits", "easy-vqa"]
    assert first.params["learner"]["name"] == "atlas"  # type: ignore[index, call-overload]


def test_a_step_is_logged_once_however_many_trials_took_it(ended: FinishedSweep, recorded: Recorded) -> None:
    reporter = reporter_of(ended, recorded)
    play(ended, reporter)
    again = replace(ended.trials[0], id="again")
    reporter.trial_changed(
        again, [step for stages in again.walks[0].steps(ended.inputs.step_inputs) for step in stages]
    )
    keys = [event.key for event in recorded.of(StepFinished)]
    assert len(keys) == len(set(keys)) == 6
    assert len(recorded.of(TrialStep)) == 9


def test_a_step_that_is_recorded_once_trained_is_not_recorded_again_by_the_trial_that_takes_it(
    ended: FinishedSweep, recorded: Recorded
) -> None:
    reporter, trial = reporter_of(ended, recorded), ended.trials[0]
    steps = [ended.inputs.graph[key] for key in trial.steps[0]]
    reporter.record_trained(steps[:1])
    reporter.record_trained(steps[:2])
    assert [event.key for event in recorded.of(StepFinished)] == trial.steps[0][:2]
    reporter.trial_changed(trial, steps)
    assert [event.key for event in recorded.of(StepFinished)] == trial.steps[0]
    assert [event.step for event in recorded.of(TrialStep)] == trial.steps[0]


def test_a_step_whose_artifact_was_read_is_recorded_without_another_read(
    ended: FinishedSweep, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter, step = reporter_of(ended, recorded), next(iter(ended.auxiliary()))
    known = ended.reader.artifact(step, ended.inputs.store)
    monkeypatch.delattr(Store, "find")
    reporter.record_step(step, known=known)
    assert [event.key for event in recorded.of(StepFinished)] == [step.key]


def test_a_trained_step_whose_store_is_away_is_left_to_the_trial_that_takes_it(
    ended: FinishedSweep, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter, trial = reporter_of(ended, recorded), ended.trials[0]
    (step, *_) = [ended.inputs.graph[key] for key in trial.steps[0]]
    asked: list[str] = []

    def away(store: Store, key: str) -> None:
        asked.append(key)
        raise TimeoutError(errno.ETIMEDOUT, "away")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "find", away)
        reporter.record_trained([step])
        reporter.record_trained([step])
    assert (asked, recorded.events) == ([step.key], [])
    reporter.trial_changed(trial, [step])
    assert [event.key for event in recorded.of(StepFinished)] == [step.key]


def test_a_step_is_logged_with_its_scores_curves_and_data(ended: FinishedSweep, recorded: Recorded) -> None:
    play(ended, reporter_of(ended, recorded))
    last = ended.trials[0].steps[0][-1]
    (event,) = (event for event in recorded.of(StepFinished) if event.key == last)
    stored = ended.inputs.store.result(last)
    assert event.scores["test/latest/digits"] == stored.scores.latest.test["digits"]
    assert event.scores["cost/seconds"] == stored.cost.seconds
    assert event.scores["cost/memory"] == stored.cost.memory
    assert [list(point) for point in event.curves["loss"]] == [list(point) for point in stored.losses]
    assert event.tags["task"] == "easy-vqa"
    assert event.position == 1
    assert event.datasets[0].fingerprint == ended.inputs.prepared["easy-vqa"].fingerprint
    assert (Path(event.adapter) / "adapter_config.json").exists()


def test_a_step_that_the_store_has_lost_is_not_logged(ended: FinishedSweep, recorded: Recorded) -> None:
    step = replace(ended.trials[0].walks[0].steps(ended.inputs.step_inputs)[0][0], seed=99)
    reporter_of(ended, recorded).record_step(step)
    assert recorded.events == []


def damaged(ended: FinishedSweep, folder: Path) -> tuple[FinishedSweep, str]:
    """The same sweep over a copy of its store in which one step has lost its weights, and that step's key."""
    shutil.copytree(ended.inputs.store.root, folder / "store")
    store, key = Store.open(str(folder / "store")), ended.trials[0].steps[0][-1]
    (weights, *_) = sorted((folder / "store").glob(f"steps/*/{key}/*/**/*.safetensors"))
    weights.write_bytes(b"")
    return replace(ended, inputs=replace(ended.inputs, store=store)), key


def test_a_step_that_cannot_be_read_is_not_logged_and_the_trial_goes_on(
    ended: FinishedSweep, recorded: Recorded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hurt, key = damaged(ended, tmp_path)
    play(hurt, reporter_of(hurt, recorded))
    assert key not in {event.key for event in recorded.of(StepFinished)}
    assert key in {event.step for event in recorded.of(TrialStep)}
    assert [event.status for event in recorded.of(TrialFinished)] == ["FINISHED", "FINISHED"]
    assert "has 0 bytes instead of" in caplog.text


def test_a_damaged_step_that_was_trained_again_is_logged_once(
    ended: FinishedSweep, recorded: Recorded, tmp_path: Path
) -> None:
    hurt, key = damaged(ended, tmp_path)
    reporter = reporter_of(hurt, recorded)
    play(hurt, reporter)
    reporter.record_missed()
    assert key not in {event.key for event in recorded.of(StepFinished)}
    hurt.inputs.store.commit(key, ended.inputs.store.fetch(key), ended.inputs.store.result(key))
    reporter.record_missed()
    reporter.record_missed()
    assert [event.key for event in recorded.of(StepFinished)].count(key) == 1


def test_the_sweeps_own_metrics(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    metrics = sweep_metrics(summary)
    assert summary.best is not None
    assert metrics["best/val/average_accuracy"] == summary.best.val
    assert metrics["ledger/steps_trained"] == 6
    assert metrics["orders/test/latest/mopd"] is not None
    assert metrics["orders/test/own/opd/digits"] is not None


def test_a_finished_trial_has_the_leaderboards_figures_by_short_names_and_one_cut_short_has_none(
    ended: FinishedSweep, recorded: Recorded
) -> None:
    figures = dict.fromkeys(SHORT.values(), 50.0049)
    whole, cut = (replace(record, objective=61.0049, figures=figures) for record in ended.trials)
    trials = [whole, replace(cut, status="PRUNED")]
    play(replace(ended, trials=trials), reporter_of(ended, recorded))
    finished, pruned = recorded.of(TrialFinished)
    assert finished.metrics == {**figures, **dict.fromkeys(SHORT, 50.0), "objective": 61.0}
    assert pruned.metrics == figures


def test_a_trial_of_several_orders_has_their_disparity_and_one_of_a_single_order_has_none(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    assert trial_disparities(summary) == {}
    rows = [row.model_copy(update={"id": f"whole.{number}"}) for number, row in enumerate(summary.trials)]
    (aopd,) = [one.aopd for one in summary.orders if (one.split, one.route) == ("test", "latest")]
    assert aopd is not None
    assert trial_disparities(summary.model_copy(update={"trials": rows})) == {"whole": {"test AOPD": round(aopd, 2)}}
