"""The one optimisation loop: AdamW with warm-up and decay, over the batches that a seed decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from atlas.data.loader import permutation
from atlas.data.read_ahead import read_ahead
from atlas.learners.base import Stage
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.early_stopping import EarlyStopping
from atlas.learners.evaluation import score
from atlas.learners.hooks import StageHooks
from atlas.learners.loss_log import LossLog
from atlas.learners.process_group import ProcessGroup
from atlas.learners.schedule import Precision
from atlas.learners.task_data import TaskData
from atlas.learners.trainer import Trainer, TrainingCurve
from atlas.learners.trainer_state import capture, resume
from atlas.learners.training_state import NO_CHECKPOINTS, Checkpoints
from atlas.runtime.text import counted


class OnUpdate(Protocol):
    """A function that is called after each update."""

    def __call__(self, update: int, updates: int, loss: float | None = None) -> None:
        """The update's number, how many there will be at most, and the last logged loss."""


def fit(
    model: ContinualModel,
    stage: Stage,
    data: TaskData,
    *,
    seed: int,
    group: ProcessGroup,
    limit: int | None = None,
    records: Tensor | None = None,
    on_update: OnUpdate = lambda update, updates, loss=None: None,
    hooks: StageHooks | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> TrainingCurve:
    """Train what `model` has marked as trainable, by the stage's schedule, on the task's `train` split.

    `seed` decides the order of the records; `limit` is how many validation records decide an early stop. `records`
    are the numbers of the training records to use, long [n]; None for all. `hooks` add replayed records and penalties
    (none). Where `checkpoints` hold one, the stage resumes from it, with the same result. Where nothing is marked, as
    with a readout that has no parameters, there are no updates.

    Raises:
        Diverged: the loss, a score of a validation, or the gradients of all updates became NaN or infinite.
        UserError: the group cannot share a batch equally.
    """
    schedule, hooks = stage.schedule, hooks or StageHooks()
    chosen = torch.arange(len(data.splits["train"])) if records is None else records
    updates = schedule.updates(max(len(chosen), *(len(one.splits["train"]) for one in hooks.validation_tasks), 0))
    validate = partial(_validate, model, (data, *hooks.validation_tasks), limit, group, schedule.precision)
    curve = TrainingCurve(EarlyStopping(model, schedule, validate))
    if updates == 0 or not any(value.requires_grad for value in model.parameters()):
        return curve
    schedule.check_shared_by(group.size)
    trainer = Trainer(model, stage, data, group, updates, hooks=hooks)
    stream = (chosen[indices] for indices in batches(len(chosen), schedule.batch_size, updates, seed))
    if _resume_from_checkpoint(trainer, curve, stream, checkpoints):
        on_update(curve.updates, updates, curve.last_loss)
    _train(trainer, curve, stream, updates, on_update, checkpoints)
    _check_updated(trainer, curve)
    curve.early_stopping.restore_best()
    return curve


def _train(
    trainer: Trainer,
    curve: TrainingCurve,
    stream: Iterator[Tensor],
    updates: int,
    on_update: OnUpdate,
    checkpoints: Checkpoints,
) -> None:
    """The updates on the batches of `stream`, until the last of all `updates` or an early stop."""
    group = trainer.group
    losses = LossLog(group, curve.losses)
    read = read_ahead(stream, trainer.read, threads=group.compute.loaders, device=group.device)
    with closing(trainer), closing(read):
        for update, (indices, records_read) in enumerate(read, start=curve.updates + 1):
            _record_update(curve, trainer, trainer.update(indices, records_read), losses, updates)
            trainer.hooks.after_update(update)
            on_update(update, updates, curve.last_loss)
            if curve.early_stopping.should_stop(update):
                break
            if checkpoints.due(update):
                losses.flush()
                checkpoints.save(capture(trainer, curve))
    losses.flush()


def _resume_from_checkpoint(
    trainer: Trainer, curve: TrainingCurve, stream: Iterator[Tensor], checkpoints: Checkpoints
) -> bool:
    """Restore the newest checkpoint and skip the batches of `stream` before it; False where there is none."""
    training_state = checkpoints.load()
    if training_state is None:
        return False
    trainer.fast_forward(islice(stream, training_state.progress.updates))
    resume(trainer, curve, training_state)
    return True


def _record_update(curve: TrainingCurve, trainer: Trainer, loss: Tensor, losses: LossLog, updates: int) -> None:
    """Record an update; of every fiftieth of all updates also its all-reduced loss. Raises Diverged.

    Schedules that share their updates note the same ones, those of the longest.
    """
    update, ends = curve.updates + 1, trainer.schedule.branches or (updates,)
    if update % max(1, ends[-1] // 50) == 0 or update in (1, *ends):
        losses.note(update, loss)
    curve.updates, curve.records = update, trainer.records


def _validate(
    model: ContinualModel,
    validation_tasks: Sequence[TaskData],
    limit: int | None,
    group: ProcessGroup,
    precision: Precision,
) -> float:
    """The mean score of the tasks on their validation splits, in percent."""
    scores = [score(model, data, "val", limit=limit, group=group, precision=precision) for data in validation_tasks]
    return sum(scores) / len(scores)


def _check_updated(trainer: Trainer, curve: TrainingCurve) -> None:
    """Raises Diverged where the loss scaling left out every update. The same in all processes of a group."""
    if curve.updates and not trainer.updates_applied:
        raise Diverged(
            f"the gradients of all {counted(curve.updates, 'update')} are not finite in "
            f"{trainer.schedule.precision}, so that "
            f"nothing was learnt; {REMEDY}"
        )


def batches(records: int, size: int, updates: int, seed: int) -> Iterator[Tensor]:
    """`updates` batches of exactly `size` indices, through one seeded shuffle of the records after another."""
    left, epoch = torch.empty(0, dtype=torch.long), 0
    for _ in range(updates):
        while len(left) < size:
            left = torch.cat([left, permutation(records, seed=seed, epoch=epoch)])
            epoch += 1
        yield left[:size]
        left = left[size:]
