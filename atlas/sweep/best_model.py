"""The best trial's model, put together from the store to be registered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from atlas.report import leaderboard
from atlas.report.objective import DOWNSTREAM, goal_in_words, goal_of
from atlas.report.summary import Summary
from atlas.serving.champion import Merit
from atlas.serving.model_record import ModelRecord, ServedTask, registered_name
from atlas.serving.registered_model import RegisteredModel
from atlas.steps.step import Step
from atlas.storage.kept_reads import read_at_once
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
    templates = templates_of(last.values())
    record = ModelRecord(
        name=registered_name(ended.sweep.name),
        sweep=ended.sweep.id,
        backbone=ended.options.training.backbone,
        digest=ended.inputs.step_inputs.backbone,
        order=tuple(last),
        tasks={task: ServedTask.of(ended.inputs.prepared[task].card, templates.get(task, ())) for task in walk.order},
        precision=next(iter(last.values())).stage.schedule.precision,
        weights=next(iter(last.values())).weights,
        figures={"val": best.val, "test": best.test},
    )
    folders = read_at_once(store.fetch, (step.key for step in last.values()))
    return RegisteredModel(
        record=record, folders=dict(zip(last, folders, strict=True)), merit=merit_of(summary, walk.order)
    )


def merit_of(summary: Summary, tasks: Sequence[str]) -> Merit | None:
    """The best trial's score and its definition; None where no trial finished."""
    best, settings = summary.best, summary.settings
    if best is None:
        return None
    asked = {"evaluate": settings.get("evaluate")}
    scored = set(tasks)
    if goal_of(summary) == DOWNSTREAM:
        asked["shots"] = settings.get("shots")
        scored |= {row.task for row in summary.downstream}
    data = {task: summary.all_tasks[task].fingerprint for task in sorted(scored)}
    return Merit(
        tasks=tuple(tasks),
        score=goal_of(summary),
        title=goal_in_words(summary),
        records=hashlib.sha256(json.dumps([data, asked], sort_keys=True).encode()).hexdigest()[:16],
        value=next((row.objective for row in leaderboard(summary) if row.trial == best.trial), None),
        smoke=bool(settings.get("smoke")),
    )


def templates_of(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """The templates of the tasks that these steps, and those that they build on, were trained with."""
    return {task: texts for step in steps for task, texts in step.templates_by_task.items()}


def last_steps(walked: Sequence[Sequence[Step]]) -> dict[str, Step]:
    """The steps that a walk's model consists of: each task's last, or the one that trained all tasks jointly."""
    steps = [stages[-1] for stages in walked]
    return {step.task: step for step in (steps[-1:] if steps[-1].joint_tasks else steps)}
