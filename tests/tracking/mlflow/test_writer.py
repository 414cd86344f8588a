from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import (
    Event,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialFinished,
    TrialStarted,
)
from atlas.tracking.events import Status
from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.writer import Writer
from tests.tracking.mlflow.told import ORDER, sweep_started, trial_started, trial_step


def walk(step: Callable[..., StepFinished]) -> list[Event]:
    """A sweep of one trial of two steps, from its start to its end."""
    return [
        sweep_started(),
        trial_started(),
        step("k1", name="shapes first", position=0),
        trial_step("k1", 1, **{"val/average": 80.0}),
        step("k2"),
        trial_step("k2", 2, **{"val/average": 75.0, "test/forgetting": None}),
        TrialFinished(sweep="s1", trial="t1", status="FINISHED", metrics={"final/val": 75.0}),
        SweepFinished(sweep="s1", status="FINISHED", metrics={"best": 75.0}),
    ]


def test_a_sweep_is_a_tree_of_runs(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    for event in walk(step):
        writer.apply(event)
    seen = runs()
    assert set(seen) == {"sweep/s1", "trial/s1/t1", "k1", "k2"}
    sweep = seen.pop("sweep/s1")
    assert {run.data.tags["mlflow.parentRunId"] for run in seen.values()} == {sweep.info.run_id}
    assert {run.info.status for run in (*seen.values(), sweep)} == {"FINISHED"}
    assert sweep.data.tags["mlflow.note.content"] == "Which order?"
    assert sweep.data.metrics == {"best": 75.0}


def test_a_step_shows_settings_scores_curve_data_and_adapter(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished], initialised: str
) -> None:
    writer.apply(step("k1"))
    run = runs()["k1"]
    assert run.info.run_name == "digits after shapes"
    assert run.info.end_time - run.info.start_time == 9000
    assert run.data.params == {"adapter.kind": "lora", "adapter.r": "8", "lr": "0.0005", "faithful": "true"}
    assert not [name for name in run.data.metrics if name.startswith("setting/")]
    assert run.data.metrics["test/latest/digits"] == 91.0
    assert "val/own/digits" not in run.data.metrics
    assert run.inputs.dataset_inputs[0].dataset.digest == "f" * 36
    client = connect(initialised)
    assert [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")] == list(range(50))
    names = {item.path for item in client.list_artifacts(run.info.run_id, "adapter")}
    assert names == {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"}


def test_settings_that_the_search_suggests_are_metrics_too_and_name_a_trial_without_an_order(
    writer: Writer, runs: Callable[[], dict[str, Any]]
) -> None:
    """Parameters are text to MLflow, by which 16 comes before 4; what all trials have alike is not repeated."""
    params = {"orders": ["a > b"], "seeds": [0], "adapter": "lora", "rank": 16, "learner": {"rank": 16, "steps": 8}}
    writer.apply(TrialStarted(sweep="s1", trial="t1", params=params))
    writer.apply(trial_started(trial="t2"))
    seen = runs()
    assert seen["trial/s1/t1"].data.metrics == {"setting/rank": 16.0}
    assert seen["trial/s1/t1"].data.params["learner.steps"] == "8"
    assert seen["trial/s1/t1"].info.run_name == "lora, rank 16"
    assert seen["trial/s1/t2"].info.run_name == "shapes → digits"
    assert seen["trial/s1/t2"].data.metrics == {}


def test_the_experiment_has_a_view_of_each_sweeps_trials_and_of_its_steps(writer: Writer, initialised: str) -> None:
    writer.apply(sweep_started())
    writer.apply(TrialStarted(sweep="s1", trial="t1", params={"order": ORDER, "rank": 4}))
    tags = connect(initialised).get_experiment(writer.experiment_id).tags
    leaderboard, steps = (json.loads(tags[f"mlflow.sharedViewState.{key}"]) for key in ("s1", "s1-steps"))
    assert leaderboard["selectedColumns"][0] == leaderboard["orderByKey"] == "metrics.`objective`"
    assert leaderboard["selectedColumns"][-1] == "params.`rank`"
    assert "'step'" in steps["searchFilter"]


def test_a_trial_points_to_the_runs_of_its_steps(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    for event in walk(step)[:6]:
        writer.apply(event)
    seen = runs()
    tags = seen["trial/s1/t1"].data.tags
    assert seen["k2"].info.run_id in tags["atlas.steps"]
    assert (
        f"[shapes first](#/experiments/{writer.experiment_id}/runs/{seen['k1'].info.run_id})"
        in (tags["mlflow.note.content"])
    )
    assert tags["mlflow.note.content"].startswith("**Order:** shapes → digits")


def test_a_step_that_is_logged_after_its_trial_took_it_is_linked_at_the_end(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    events = walk(step)
    for index in (0, 1, 3, 2, 6):
        writer.apply(events[index])
    seen = runs()
    assert seen["k1"].info.run_id in seen["trial/s1/t1"].data.tags["atlas.steps"]


@pytest.mark.parametrize("status", ["KILLED", "FAILED", "FINISHED"])
def test_a_resumed_sweep_runs_again_and_says_with_what_it_goes_on(
    writer: Writer, runs: Callable[[], dict[str, Any]], initialised: str, tmp_path: Path, status: Status
) -> None:
    """MLflow refuses to change a parameter, and with it everything that is logged beside."""
    writer.apply(SweepStarted(sweep="s1", name="s", params={"trials": 4, "fleets": None}))
    writer.apply(SweepFinished(sweep="s1", status=status))
    second = Writer(initialised, tmp_path.name)
    tags = {"changes": "trials: was 4, is 6"}
    second.apply(SweepStarted(sweep="s1", name="s", params={"trials": 6, "fleets": None, "new": "x"}, tags=tags))
    run = runs()["sweep/s1"]
    assert run.info.status == "RUNNING"
    assert run.data.params == {"trials": "4", "fleets": "null", "new": "x"}
    assert run.data.tags["atlas.resumed"] == "trials=6"
    assert run.data.tags["changes"] == "trials: was 4, is 6"
    second.apply(SweepFinished(sweep="s1", status="FINISHED"))
    assert runs()["sweep/s1"].info.status == "FINISHED"


@pytest.mark.parametrize("lives", [1, 2])
def test_applying_everything_again_changes_nothing(
    writer: Writer,
    runs: Callable[[], dict[str, Any]],
    step: Callable[..., StepFinished],
    initialised: str,
    tmp_path: Path,
    lives: int,
) -> None:
    """Within one life of the writer and in the next, which remembers nothing."""
    for event in walk(step):
        writer.apply(event)
    before = {key: (run.data.metrics, run.data.params, run.data.tags) for key, run in runs().items()}
    second = writer if lives == 1 else Writer(initialised, tmp_path.name)
    for event in walk(step):
        second.apply(event)
    assert {key: (run.data.metrics, run.data.params, run.data.tags) for key, run in runs().items()} == before
    client = connect(initialised)
    history = client.get_metric_history(runs()["trial/s1/t1"].info.run_id, "val/average")
    assert [(point.step, point.value) for point in history] == [(1, 80.0), (2, 75.0)]
    assert len(client.get_metric_history(runs()["k2"].info.run_id, "train/loss")) == 50
    assert len(client.get_metric_history(runs()["sweep/s1"].info.run_id, "best")) == 1


def test_a_step_cut_short_is_completed_without_doubled_points(
    writer: Writer,
    runs: Callable[[], dict[str, Any]],
    step: Callable[..., StepFinished],
    initialised: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    event = step("k1")
    with monkeypatch.context() as patch:
        patch.setattr(writer._runs, "close", fail)
        with pytest.raises(ConnectionError):
            writer.apply(event)
    assert runs()["k1"].info.status == "RUNNING"
    Writer(initialised, tmp_path.name).apply(event)
    run = runs()["k1"]
    assert run.info.status == "FINISHED"
    assert len(connect(initialised).get_metric_history(run.info.run_id, "train/loss")) == 50
    assert len(run.inputs.dataset_inputs) == 1


def test_a_step_of_an_earlier_sweep_keeps_its_run(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    writer.apply(sweep_started())
    writer.apply(step("k1"))
    writer.apply(step("k1", sweep="s2", settings={"lr": 1.0}))
    assert runs()["k1"].data.tags["mlflow.parentRunId"] == runs()["sweep/s1"].info.run_id
    assert "sweep/s2" in runs()


def test_a_failed_step_can_be_finished_later(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    writer.apply(step("k1", status="FAILED", adapter=""))
    assert runs()["k1"].info.status == "FAILED"
    writer.apply(step("k1"))
    assert runs()["k1"].info.status == "FINISHED"


def test_a_resumed_sweep_runs_again(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    for event in walk(step):
        writer.apply(event)
    writer.apply(sweep_started())
    assert runs()["sweep/s1"].info.status == "RUNNING"


def test_more_than_a_batch_of_everything_is_logged(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished]
) -> None:
    settings = {f"setting {number}": number for number in range(150)}
    scores = {f"test/latest/task {number}": float(number) for number in range(1200)}
    writer.apply(step("k1", settings=settings, scores=scores))
    run = runs()["k1"]
    assert len(run.data.params) == 150
    assert len([name for name in run.data.metrics if name.startswith("test/")]) == 1200


def test_a_step_whose_adapter_is_on_another_machine_is_an_error_and_logged_once_it_is_here(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished], initialised: str
) -> None:
    away = step("k1", adapter="/another/machine/adapter")
    with pytest.raises(FileNotFoundError, match="/another/machine/adapter"):
        writer.apply(away)
    assert "k1" not in runs()
    writer._log(step("k1"))  # as far as a writer came that was killed
    with pytest.raises(FileNotFoundError, match="the adapter of step k1"):
        writer.apply(away)
    assert runs()["k1"].info.status == "RUNNING"
    writer.apply(step("k1"))
    (run,) = [run for key, run in runs().items() if key == "k1"]
    assert run.info.status == "FINISHED"
    assert len(connect(initialised).list_artifacts(run.info.run_id, "adapter")) == 2
