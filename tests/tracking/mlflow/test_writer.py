from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import (
    Event,
    RunArtifact,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialFinished,
    TrialStarted,
    TrialStep,
)
from atlas.tracking.events import Status
from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.writer import Writer

ORDER = ["shapes", "digits"]


def sweep_started() -> SweepStarted:
    return SweepStarted(sweep="s1", name="a sweep", params={"lr": 5e-4}, tags={"who": "me"}, note="Which order?")


def trial_started(sweep: str = "s1", trial: str = "t1") -> TrialStarted:
    return TrialStarted(sweep=sweep, trial=trial, params={"order": ORDER, "adapter": {"r": 8}})


def trial_step(step: str, tasks_seen: int, **metrics: float | None) -> TrialStep:
    return TrialStep(sweep="s1", trial="t1", step=step, tasks_seen=tasks_seen, metrics=metrics)


@pytest.fixture
def writer(initialised: str, tmp_path: Path) -> Writer:
    return Writer(initialised, tmp_path.name)


@pytest.fixture
def runs(initialised: str, writer: Writer) -> Callable[[], dict[str, Any]]:
    """Every run of the experiment by its key; fails where two have one key."""

    def read() -> dict[str, Any]:
        found = connect(initialised).search_runs([writer.experiment_id])
        by_key = {run.data.tags["atlas.key"]: run for run in found}
        assert len(by_key) == len(found)
        return by_key

    return read


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


def test_a_step_whose_adapter_is_on_another_machine_waits_for_the_sweep_that_records_it_again(
    writer: Writer, runs: Callable[[], dict[str, Any]], step: Callable[..., StepFinished], initialised: str
) -> None:
    writer.apply(step("k1", adapter="/another/machine/adapter"))
    assert "k1" not in runs()
    writer.apply(step("k1"))
    (run,) = [run for key, run in runs().items() if key == "k1"]
    assert run.info.status == "FINISHED"
    assert len(connect(initialised).list_artifacts(run.info.run_id, "adapter")) == 2


def test_figures_of_a_sweep_are_uploaded_and_a_missing_one_does_no_harm(
    writer: Writer, runs: Callable[[], dict[str, Any]], initialised: str, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text("<html></html>")
    artifacts = (RunArtifact(str(page), "report"), RunArtifact(str(tmp_path / "gone.png"), "report"))
    writer.apply(SweepFinished(sweep="s1", status="KILLED", artifacts=artifacts))
    run = runs()["sweep/s1"]
    assert run.info.status == "KILLED"
    assert [item.path for item in connect(initialised).list_artifacts(run.info.run_id, "report")] == [
        "report/report.html"
    ]


def test_figures_that_are_known_at_a_sweeps_end_are_its_trials_too(
    writer: Writer, runs: Callable[[], dict[str, Any]]
) -> None:
    writer.apply(trial_started())
    found = {"t1": {"test AOPD": 3.5, "other": None}, "never begun": {"test AOPD": 1.0}}
    writer.apply(SweepFinished(sweep="s1", status="FINISHED", trials=found))
    assert runs()["trial/s1/t1"].data.metrics == {"test AOPD": 3.5}
    assert set(runs()) == {"trial/s1/t1", "sweep/s1"}


def test_an_abandoned_trial_is_closed_with_its_sweep(writer: Writer, runs: Callable[[], dict[str, Any]]) -> None:
    for event in (
        sweep_started(),
        trial_started(),
        trial_started(trial="lost"),
        trial_started(sweep="s2"),
        TrialFinished(sweep="s1", trial="t1", status="FINISHED"),
        SweepFinished(sweep="s1", status="FINISHED"),
    ):
        writer.apply(event)
    status = {key: run.info.status for key, run in runs().items()}
    assert (status["trial/s1/lost"], status["trial/s1/t1"], status["sweep/s1"]) == ("KILLED", "FINISHED", "FINISHED")
    assert status["trial/s2/t1"] == "RUNNING"


def test_a_pruned_trial_is_closed_as_killed(writer: Writer, runs: Callable[[], dict[str, Any]]) -> None:
    """MLflow has no status of its own for it."""
    writer.apply(trial_started())
    writer.apply(TrialFinished(sweep="s1", trial="t1", status="PRUNED"))
    assert runs()["trial/s1/t1"].info.status == "KILLED"


def test_a_start_that_arrives_after_its_own_end_opens_nothing(
    writer: Writer, runs: Callable[[], dict[str, Any]]
) -> None:
    """Where the tracking actor was killed, Ray sends what was under way again, after what came later."""
    sweep, trial = sweep_started(), trial_started()
    for event in (sweep, trial, trial_started(trial="t2")):
        writer.apply(event)
    for late in ("t1", "t2"):
        writer.apply(TrialFinished(sweep="s1", trial=late, status="FINISHED"))
    writer.apply(trial.model_copy(update={"at": trial.at - 1}))
    writer.apply(SweepFinished(sweep="s1", status="FINISHED"))
    writer.apply(sweep.model_copy(update={"at": sweep.at - 1}))
    assert {run.info.status for run in runs().values()} == {"FINISHED"}
