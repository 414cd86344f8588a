from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atlas.sweep.mlflow_actor import MlflowReporter, MlflowWriter, best_model_of, sweep_figures
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.tracking import default_tracking_uri, find_step_runs, initialise


class Told:
    """A scribe in this process that keeps what it is told, and passes it on where there is one to write."""

    def __init__(self, mlflow_writer: MlflowWriter | None = None) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.mlflow_writer = mlflow_writer
        self.tell = SimpleNamespace(remote=self._tell)

    def _tell(self, what: str, *arguments: Any) -> None:
        self.events.append((what, *arguments))
        if self.mlflow_writer:
            self.mlflow_writer.tell(what, *arguments)

    def named(self, what: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == what]


@pytest.fixture
def told() -> Told:
    return Told()


def tracked(ended: FinishedSweep, told: Told) -> MlflowReporter:
    return MlflowReporter(told, "order-1", ended.inputs.store, ended.inputs.prepared)


def play(ended: FinishedSweep, listener: MlflowReporter) -> None:
    """Both trials, a report after each task."""
    for record in ended.trials:
        (walk,) = record.walks
        listener.trial_changed(replace(record, status="RUNNING"), [])
        for stages in walk.steps(ended.inputs.step_inputs):
            listener.trial_changed(replace(record, status="RUNNING"), stages)
        listener.trial_changed(record, [])
        listener.trial_changed(record, [])


def test_each_trial_is_opened_and_closed_once(ended: FinishedSweep, told: Told) -> None:
    play(ended, tracked(ended, told))
    assert [event[1] for event in told.named("trial_started")] == ["trial-0", "trial-1"]
    assert [event[1:3] for event in told.named("trial_finished")] == [
        ("trial-0", "FINISHED"),
        ("trial-1", "FINISHED"),
    ]
    (first, _) = told.named("trial_started")
    assert first[2]["order"] == ["digits", "easy-vqa"]
    assert first[2]["learner"]["name"] == "atlas"


def test_a_step_is_logged_once_however_many_trials_took_it(ended: FinishedSweep, told: Told) -> None:
    listener = tracked(ended, told)
    play(ended, listener)
    again = replace(ended.trials[0], id="again")
    listener.trial_changed(
        again, [step for stages in again.walks[0].steps(ended.inputs.step_inputs) for step in stages]
    )
    keys = [event[0] for event in told.named("step_finished")]
    assert len(keys) == len(set(keys)) == 6
    assert len(told.named("trial_step")) == 9


def test_the_facts_of_a_step_are_its_scores_curves_and_data(ended: FinishedSweep, told: Told) -> None:
    play(ended, tracked(ended, told))
    last = ended.trials[0].steps[0][-1]
    (facts,) = (facts for key, facts in told.named("step_finished") if key == last)
    stored = ended.inputs.store.read_facts(last)
    assert facts["scores"]["test/latest/digits"] == stored["scores"]["latest"]["test"]["digits"]
    assert facts["scores"]["cost/seconds"] == stored["cost"]["seconds"]
    assert facts["curves"]["loss"] == stored["losses"]
    assert facts["tags"]["task"] == "easy-vqa"
    assert facts["position"] == 1
    assert facts["datasets"][0]["fingerprint"] == ended.inputs.prepared["easy-vqa"].fingerprint
    assert (Path(facts["adapter"]) / "adapter_config.json").exists()


def test_a_step_that_the_store_has_lost_is_not_logged(ended: FinishedSweep, told: Told) -> None:
    step = replace(ended.trials[0].walks[0].steps(ended.inputs.step_inputs)[0][0], seed=99)
    tracked(ended, told).tell_step(step)
    assert told.events == []


def test_mlflow_has_a_run_for_each_step(ended: FinishedSweep, tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path)
    initialise(uri, "atlas")
    mlflow_writer = MlflowWriter(uri, tmp_path / "spool", {})
    told = Told(mlflow_writer)
    told.tell.remote("sweep_started", "order-1", "order-1", {"trials": 2}, {"kind": "sweep"}, "Which order?")
    play(replace(ended, trials=ended.trials[:1]), tracked(ended, told))
    assert mlflow_writer.finish(60.0)
    assert mlflow_writer.problems() == []
    assert set(find_step_runs(uri, "atlas", ended.trials[0].steps[0])) == set(ended.trials[0].steps[0])


def test_the_sweeps_own_figures(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    figures = sweep_figures(summary)
    assert figures["best/val/average_accuracy"] == summary["best"]["val"]
    assert figures["ledger/steps_trained"] == 6
    assert figures["orders/test/latest/mopd"] is not None
    assert figures["orders/test/own/opd/digits"] is not None


def test_without_a_finished_trial_there_is_no_champion(ended: FinishedSweep) -> None:
    killed = replace(ended, trials=[replace(record, status="KILLED") for record in ended.trials])
    summary = summarise(killed)
    assert best_model_of(killed, summary) is None
    assert "best/val/average_accuracy" not in sweep_figures(summary)


def test_the_champion_is_the_best_trials_stack(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    champion = best_model_of(ended, summary)
    assert champion is not None
    (best,) = (row for row in summary["trials"] if row["id"] == summary["best"]["trial"])
    assert list(champion.folders) == best["order"]
    assert all((Path(folder) / "head.safetensors").exists() for folder in champion.folders.values())
    assert champion.digest == ended.inputs.step_inputs.backbone
    assert champion.tasks["digits"]["outputs"] == 10
    assert champion.figures == {"val": summary["best"]["val"], "test": summary["best"]["test"]}
