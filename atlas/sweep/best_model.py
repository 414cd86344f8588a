"""The best trial's model, put together from the store to be registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from atlas.report.summary import Summary
from atlas.runtime.names import file_name
from atlas.serving.model_record import ModelRecord, ServedTask
from atlas.serving.registered_model import RegisteredModel
from atlas.steps.step import Step
from atlas.sweep.summary import FinishedSweep


def best_model_of(ended: FinishedSweep, summary: Summary) -> RegisteredModel | None:
    """The model of the best trial; None where no trial finished."""
    best, row = summary.best, summary.best_trial
    if best is None or row is None:
        return None
    trial = next(trial for trial in ended.trials if trial.id == row.id.partition(".")[0])
    store = replace(ended.inputs.store, scope=trial.scope(ended.options.run.sharing))
    walk = next(walk for walk in trial.walks if (walk.order, walk.seed) == (row.order, row.seed))
    last = last_steps(ended.inputs.graph.steps(walk))
    record = ModelRecord(
        name=f"atlas-{file_name(ended.sweep.name)}",
        sweep=ended.sweep.id,
        backbone=ended.options.training.backbone,
        digest=ended.inputs.step_inputs.backbone,
        order=tuple(last),
        tasks={task: ServedTask.of(ended.inputs.prepared[task].card) for task in walk.order},
        precision=next(iter(last.values())).stage.schedule.precision,
        figures={"val": best.val, "test": best.test},
    )
    folders = {task: store.fetch(step.key) for task, step in last.items()}
    return RegisteredModel(record=record, folders=folders)


def last_steps(walked: Sequence[Sequence[Step]]) -> dict[str, Step]:
    """The steps that a walk's model consists of: each task's last, or the one that trained all tasks jointly."""
    steps = [stages[-1] for stages in walked]
    return {step.task: step for step in (steps[-1:] if steps[-1].joint_tasks else steps)}
