"""Train one step: load the steps that it builds on, train, score, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import JsonValue

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.backbones.load_options import LoadOptions
from atlas.data.loader import open_split
from atlas.data.prepare import Prepared
from atlas.learners.continual_model import ContinualModel
from atlas.learners.determinism import exact_float32
from atlas.learners.divergence import check_weights
from atlas.learners.fit import OnUpdate, fit
from atlas.learners.frozen_type import frozen_type
from atlas.learners.hooks import PriorStep, StageContext, StageHooks
from atlas.learners.out_of_memory import telling_of_memory
from atlas.learners.process_group import ProcessGroup
from atlas.learners.task_data import TaskData
from atlas.learners.trainer import TrainingCurve
from atlas.learners.training_state import NO_CHECKPOINTS, Checkpoints
from atlas.runtime.errors import InfrastructureError
from atlas.steps.loading import load_steps
from atlas.steps.saving import save_step
from atlas.steps.scoring import scores_of
from atlas.steps.step import Step
from atlas.steps.stopwatch import Stopwatch
from atlas.storage.step_result import Scores, StepResult
from atlas.storage.store import Store


class WrongWorker(InfrastructureError):
    """This worker's backbone, the type of its weights, or data is not the step's; another worker may have them."""


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """Everything that a worker loads once: the backbone, the prepared tasks and the process group it trains with.

    `run` identifies this run of a sweep; results carry it, so that no clock is needed to tell which run trained a step.
    """

    backbone: Backbone
    data: Mapping[str, TaskData]
    group: ProcessGroup = field(default_factory=ProcessGroup)
    run: str = ""

    def empty_model(self, templates: Mapping[str, tuple[str, ...]] | None = None) -> ContinualModel:
        """A model without adapters or heads on the backbone, for the tasks, with the templates of those that have some.

        The caller detaches it.
        """
        said = templates or {}
        forms = {name: replace(data.form, templates=said.get(name, ())) for name, data in self.data.items()}
        return ContinualModel(self.backbone, forms)

    def alone(self) -> WorkerContext:
        """The same for what this worker does without the others of its group."""
        return replace(self, group=ProcessGroup(device=self.group.device, compute=self.group.compute))


def open_worker_context(
    backbone: str,
    prepared: Mapping[str, str],
    group: ProcessGroup,
    run: str = "",
    *,
    load_options: LoadOptions | None = None,
) -> WorkerContext:
    """The worker context for a backbone (name or folder) and the tasks' prepared folders, by name."""
    exact_float32()
    with group.all_or_none():
        model = load(backbone, load_options).to(group.device)
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
        answers=card.answers,
        modality=card.modality,
        kind=card.answer_kind,
        splits={split: open_split(path, split) for split in prepared.counts},
    )


@telling_of_memory()
def train_step(
    step: Step,
    worker_context: WorkerContext,
    store: Store,
    on_update: OnUpdate = lambda update, updates, loss=None: None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    on_start: Callable[[], None] = lambda: None,
) -> StepResult:
    """Train `step` and commit it, by rank 0 of the process group; returns the result that the store keeps.

    Scores are in percent: route `latest` scores every task by the newest adapters and queries, route `own` by those
    that it was trained with (METHOD, 4). Where `checkpoints` hold one of the step, training resumes from it, to the
    same result. `on_start` is called once all that it builds on is loaded.

    Raises:
        OutOfMemory: the memory of the worker's device does not hold the step.
        MissingParent: the store lacks a step that this one builds on.
        CorruptArtifact: an artifact that it builds on was altered; the store has moved it aside.
        Diverged: the loss, a weight or a score became NaN or infinite.
        WrongWorker: the worker's backbone or data is not the step's.
        StorageUnavailable: the store did not answer, or it or the temporary folder was full, for half an hour.
    """
    group = worker_context.group
    stopwatch = Stopwatch(group)
    model = worker_context.empty_model(step.templates_by_task)
    try:
        with group.all_or_none():
            _check_context(step, worker_context)
            model.new_readout, model.towers = step.stage.readout, step.stage.towers
            past = load_steps(model, _past(step), store, group)
            _begin(model, step)
            hooks = step.stage.hooks(_stage_context(step, model, past, worker_context))
        on_start()
        curve = _fit(model, step, worker_context, hooks, on_update=on_update, checkpoints=checkpoints)
        kept = hooks.on_stage_end()
        check_weights(model, group)
        stopwatch.stop_training()
        finished = [prior for prior, one in zip(past, _past(step), strict=True) if one.stage.last]
        scores = scores_of(model, step, worker_context.data, group, finished)
        result = _result(
            step, model, curve, checkpoints, scores=scores, hooks=kept, stopwatch=stopwatch, run=worker_context.run
        )
        with group.all_or_none():
            if group.rank == 0:
                save_step(model, step, store, result, hooks)
        checkpoints.finish()
    finally:
        model.detach()
    return result


def _result(
    step: Step,
    model: ContinualModel,
    curve: TrainingCurve,
    checkpoints: Checkpoints,
    *,
    scores: Scores,
    hooks: dict[str, JsonValue],
    stopwatch: Stopwatch,
    run: str,
) -> StepResult:
    return StepResult(
        step=step.describe(),
        title=step.title,
        order=step.order,
        scores=scores,
        losses=tuple(curve.losses),
        validations=tuple(curve.early_stopping.scores),
        updates=curve.updates,
        records=curve.records,
        trained_parameters=sum(value.numel() for value in model.parameters() if value.requires_grad),
        cost=stopwatch.cost(checkpoints.spent),
        resumed_at=tuple(checkpoints.resumed_at),
        continued_at=checkpoints.continued_at,
        workers=tuple(checkpoints.workers_changed),
        run=run,
        began=stopwatch.began,
        ended=time.time(),
        versions={"torch": torch.__version__},
        hooks=hooks,
    )


def load_model(step: Step, worker_context: WorkerContext, store: Store) -> ContinualModel:
    """The model after `step`, from the store. Raises as `train_step` does. The caller detaches it."""
    model = worker_context.empty_model(step.templates_by_task)
    try:
        with worker_context.group.all_or_none():
            _check_context(step, worker_context)
            load_steps(model, [*_past(step), step], store, worker_context.group)
    except Exception:
        model.detach()
        raise
    return model


def _check_context(step: Step, worker_context: WorkerContext) -> None:
    if step.backbone != worker_context.backbone.digest:
        raise WrongWorker(
            f"the step needs the backbone {step.backbone[:12]}, this worker has {worker_context.backbone.digest[:12]}; "
            f"give all workers the same folder or revision."
        )
    _check_weights(step, worker_context.backbone.weights)
    tasks = dict.fromkeys((*step.order, *step.learns, *dict(step.reads)))
    if missing := [task for task in tasks if task not in worker_context.data]:
        raise WrongWorker(f"no prepared data here for {', '.join(missing)}; run `atlas prepare` where workers see it.")


def _check_weights(step: Step, held: str) -> None:
    """Raises WrongWorker for frozen weights of another type than the step's, where the backbone's family has several.

    Scores of these would be kept under the key of those.
    """
    needed = step.weights or frozen_type(step.stage.schedule.precision)
    if held and held != needed:
        raise WrongWorker(f"the step needs frozen weights in {needed}, this worker has them in {held}.")


def _begin(model: ContinualModel, step: Step) -> None:
    """Begin the step's stage; an evaluation answers every task of its own, so that each has a readout."""
    generator = torch.Generator().manual_seed(step.random_seed("initialise"))
    step.stage.begin(model, step.task, generator)
    for task in step.learns if step.stage.evaluates else ():
        model.ensure_head(task, generator)


def _fit(
    model: ContinualModel,
    step: Step,
    worker_context: WorkerContext,
    hooks: StageHooks,
    *,
    on_update: OnUpdate,
    checkpoints: Checkpoints,
) -> TrainingCurve:
    torch.manual_seed(_forward_seed(step, worker_context.group.rank))
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


def _forward_seed(step: Step, rank: int) -> int:
    """The seed of what a forward pass draws (dropout): another for each worker, since its records are others."""
    return step.random_seed(f"forward/{rank}" if rank else "forward")


def _past(step: Step) -> list[Step]:
    """The steps to load before `step`: every earlier task's last stage, and this task's earlier stages."""
    return [past for past in list(step.chain())[:-1] if past.stage.last or past.task == step.task]


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
        walk_seed=step.seed,
    )


def _records(step: Step, data: TaskData) -> torch.Tensor | None:
    """The training records that the step's shots choose: one draw a seed, whatever the stage and the parent."""
    if step.shots is None:
        return None
    return step.shots.choose(data.splits["train"].targets, seed=step.seed)
