"""Carry one step out: load what it builds on, learn, score, commit."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.data.loader import open_split
from atlas.data.prepare import Prepared
from atlas.learners.continual_model import ContinualModel
from atlas.learners.evaluation import score
from atlas.learners.fit import fit
from atlas.learners.hooks import PriorStep, StageContext, StageHooks
from atlas.learners.process_group import ProcessGroup
from atlas.learners.task_data import TaskData
from atlas.learners.trainer import TrainingCurve
from atlas.learners.training_state import NO_CHECKPOINTS, Checkpoints
from atlas.runtime.errors import AtlasError
from atlas.runtime.retry import retry_while_full
from atlas.steps.step import Step
from atlas.storage.store import Artifact, Store


class MissingParent(AtlasError):
    """What a step builds on is not in the store (any more)."""


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """What a worker loads once: the backbone, the prepared tasks, and the processes it learns with.

    `run` names what it learns for: a step's facts tell it, so that who learnt a step is read from no clock.
    """

    backbone: Backbone
    data: Mapping[str, TaskData]
    group: ProcessGroup = field(default_factory=ProcessGroup)
    run: str = ""


def open_worker_context(
    backbone: str, prepared: Mapping[str, str], group: ProcessGroup, run: str = ""
) -> WorkerContext:
    """The bench for a backbone (name or folder) and the prepared folders of the tasks, by name."""
    model = load(backbone).to(group.device)
    data = {name: open_task(Path(path)) for name, path in prepared.items()}
    return WorkerContext(backbone=model, data=data, group=group, run=run)


def open_task(path: Path) -> TaskData:
    """A prepared task, memory-mapped."""
    prepared = Prepared.load(path)
    card = prepared.card
    return TaskData(
        name=prepared.task,
        scoring=card.score,
        outputs=card.outputs,
        images=card.images,
        splits={split: open_split(path, split) for split in prepared.counts},
    )


def train_step(
    step: Step,
    worker_context: WorkerContext,
    store: Store,
    on_update: Callable[[int, int], None] = lambda update, updates: None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> dict[str, Any]:
    """Learn `step` and commit it, by rank 0 of the bench's group; gives the facts that the store keeps of it.

    `scores[route][split][task]` are in percent: route `latest` scores every task by the newest adapters and
    queries, route `own` by those that it was learnt with (METHOD, 4). Where `checkpoints` hold one of the step, it is
    learnt on from there, to the same result; `resumed_at` are the updates from which it was.

    Raises:
        MissingParent: the store lacks a step that this one builds on.
        CorruptEntry: an entry that it builds on was altered; the store has put it aside.
        Diverged: the loss became NaN or infinite.
        AtlasError: the bench's backbone or data is not the step's.
    """
    _check_bench(step, worker_context)
    started, began = time.perf_counter(), time.time()
    model = ContinualModel(worker_context.backbone, *_head_sizes(worker_context))
    try:
        past = _load(model, _past(step), store)
        step.stage.begin(model, step.task, torch.Generator().manual_seed(step.random_seed("initialise")))
        hooks = step.stage.hooks(_stage_context(step, model, past, worker_context))
        curve = _fit(model, step, worker_context, hooks, on_update=on_update, checkpoints=checkpoints)
        remembered = hooks.on_stage_end()
        learnt = time.perf_counter() + checkpoints.spent
        facts = {
            **_outcome(model, step, curve, _scores(model, step, worker_context, store)),
            **remembered,
            **checkpoints.facts(),
            "cost": {"seconds": time.perf_counter() + checkpoints.spent - started, "learning": learnt - started},
            "run": worker_context.run,
            "began": began,
            "ended": time.time(),
        }
        if worker_context.group.rank == 0:
            _commit(model, step, store, facts, hooks)
        checkpoints.finish()
    finally:
        model.detach()
    return facts


def load_model(step: Step, worker_context: WorkerContext, store: Store) -> ContinualModel:
    """The model after `step`, as the store keeps it. Raises as `train_step` does. Detach it when done."""
    _check_bench(step, worker_context)
    model = ContinualModel(worker_context.backbone, *_head_sizes(worker_context))
    _load(model, [*_past(step), step], store)
    return model


def _check_bench(step: Step, worker_context: WorkerContext) -> None:
    if step.backbone != worker_context.backbone.digest:
        raise AtlasError(
            f"the step needs the backbone {step.backbone[:12]}, this worker has {worker_context.backbone.digest[:12]}; "
            f"give all workers the same folder or revision."
        )
    if missing := [task for task in step.order if task not in worker_context.data]:
        raise AtlasError(f"no prepared data here for {', '.join(missing)}; run `atlas prepare` where workers see it.")


def _head_sizes(worker_context: WorkerContext) -> tuple[dict[str, int], dict[str, int]]:
    return (
        {name: data.outputs for name, data in worker_context.data.items()},
        {name: data.images for name, data in worker_context.data.items()},
    )


def _fit(
    model: ContinualModel,
    step: Step,
    worker_context: WorkerContext,
    hooks: StageHooks,
    *,
    on_update: Callable[[int, int], None],
    checkpoints: Checkpoints,
) -> TrainingCurve:
    torch.manual_seed(step.random_seed("forward"))
    return fit(
        model,
        step.stage,
        worker_context.data[step.task],
        seed=step.random_seed("records"),
        group=worker_context.group,
        limit=step.evaluation.val,
        records=_records(step, worker_context.data[step.task]),
        on_update=on_update,
        hooks=hooks,
        checkpoints=checkpoints,
    )


def _entry(step: Step, store: Store) -> tuple[Path, Artifact]:
    entry = store.find(step.key)
    if entry is None:
        raise MissingParent(f"{step.title} [{step.key[:12]}] is not in the store; it will be learnt again.")
    return store.fetch(entry, Path(tempfile.gettempdir()) / "atlas-fetched" / step.key), entry


def _past(step: Step) -> list[Step]:
    """What is to be loaded before `step`: every earlier task as its last stage left it, and this task's stages."""
    return [past for past in list(step.chain())[:-1] if past.stage.last or past.task == step.task]


def _load(model: ContinualModel, steps: Sequence[Step], store: Store) -> list[PriorStep]:
    """Load what these steps brought, the oldest first; gives what the store holds of them."""
    newest = max((place for place, step in enumerate(steps) if step.stage.replaces), default=0)
    past: list[PriorStep] = []
    for place, step in enumerate(steps):
        folder, entry = _entry(step, store)
        model.load(step.task, folder, whole=place >= newest or not step.stage.replaces)
        past.append(PriorStep(task=step.task, folder=folder, facts=entry.facts))
    return past


def _stage_context(
    step: Step, model: ContinualModel, past: Sequence[PriorStep], worker_context: WorkerContext
) -> StageContext:
    return StageContext(
        model=model,
        task=step.task,
        data=worker_context.data,
        group=worker_context.group,
        seed=step.random_seed,
        prior_steps=past,
        joint_tasks=step.learns[:-1],
    )


def _records(step: Step, data: TaskData) -> torch.Tensor | None:
    """The training records that the step's shots choose: one draw a seed, whatever the stage and the past."""
    if step.shots is None:
        return None
    return step.shots.choose(data.splits["train"].targets, seed=step.seed)


def _scores(
    model: ContinualModel, step: Step, worker_context: WorkerContext, store: Store
) -> dict[str, dict[str, dict[str, float]]]:
    limits = {"val": step.evaluation.val, "test": step.evaluation.test}
    latest: dict[str, dict[str, float]] = {}
    for split, limit in limits.items():
        latest[split] = {
            task: score(model, worker_context.data[task], split, limit=limit, group=worker_context.group)
            for task in step.scored
        }
    earlier = list(step.parent.chain()) if step.parent else []
    inherited = [store.find(parent.key) for parent in earlier if parent.stage.last]
    own: dict[str, dict[str, float]] = {}
    for split in limits:
        own[split] = {**(inherited[-1].facts["scores"]["own"][split] if inherited and inherited[-1] else {})}
        own[split] |= {task: latest[split][task] for task in step.learns}
    return {"latest": latest, "own": own}


def _outcome(model: ContinualModel, step: Step, curve: TrainingCurve, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": step.describe(),
        "title": step.title,
        "order": list(step.order),
        "scores": scores,
        "losses": curve.losses,
        "validations": curve.early_stopping.scores,
        "updates": curve.updates,
        "records": curve.records,
        "trained_parameters": sum(value.numel() for value in model.parameters() if value.requires_grad),
        "versions": {"torch": torch.__version__},
    }


def _commit(model: ContinualModel, step: Step, store: Store, facts: dict[str, Any], hooks: StageHooks) -> None:
    with tempfile.TemporaryDirectory(prefix="atlas-step-") as folder:
        model.save(step.task, Path(folder))
        hooks.save(Path(folder))
        (Path(folder) / "result.json").write_text(json.dumps(facts, indent=1, sort_keys=True))
        retry_while_full(lambda: store.commit(step.key, Path(folder), facts), f"the store {store.uri}")
