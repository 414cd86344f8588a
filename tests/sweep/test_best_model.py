from __future__ import annotations

from dataclasses import replace

from atlas.sweep.best_model import best_model_of, merit_of
from atlas.sweep.summary import FinishedSweep, summarise
from atlas.sweep.tracking_reporter import sweep_metrics


def test_without_a_finished_trial_there_is_no_model(ended: FinishedSweep) -> None:
    killed = replace(ended, trials=[replace(record, status="KILLED") for record in ended.trials])
    summary = summarise(killed)
    assert best_model_of(killed, summary) is None
    assert "best/val/average_accuracy" not in sweep_metrics(summary)


def test_the_model_is_that_of_the_best_trial(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    model = best_model_of(ended, summary)
    assert model is not None
    best = summary.best
    assert best is not None
    assert tuple(model.folders) == model.record.order == summary.trial(best.trial).order
    assert all((folder / "head.safetensors").exists() for folder in model.folders.values())
    assert model.record.digest == ended.inputs.step_inputs.backbone
    assert model.record.tasks["digits"].outputs == 10
    assert model.record.figures == {"val": best.val, "test": best.test}


def test_a_models_merit_is_its_objective_and_changes_with_what_it_is_scored_on(ended: FinishedSweep) -> None:
    summary = summarise(ended)
    order = ("digits", "easy-vqa")
    merit = merit_of(summary, order)
    assert merit is not None
    assert summary.best is not None
    assert (merit.tasks, merit.score, merit.value) == (order, "latest/average_accuracy", summary.best.val)
    assert not merit.smoke
    other = summary.model_copy(update={"settings": {**summary.settings, "evaluate": [1, 2], "smoke": True}})
    changed = merit_of(other, order)
    assert changed is not None
    assert changed.smoke
    assert changed.records != merit.records
