"""The state of a trainer between two updates: captured for a checkpoint, and resumed from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from atlas.learners.random_state import random_state, set_random_state
from atlas.learners.trainer import Trainer, TrainingCurve
from atlas.learners.training_state import TrainingProgress, TrainingState

COUNTERS = ("last_epoch", "_step_count")  # all that changes of a LambdaLR but its rates, which are the optimiser's


def capture(trainer: Trainer, curve: TrainingCurve) -> TrainingState:
    """The training state between two updates. Every process calls it, since each has random numbers of its own."""
    state = trainer.optimizer.state_dict()
    progress = TrainingProgress(
        updates=curve.updates,
        records=curve.records,
        losses=curve.losses,
        patience=curve.early_stopping.state(),
        rates=[group["lr"] for group in state["param_groups"]],
        scheduler={name: trainer.scheduler.state_dict()[name] for name in COUNTERS},
        scaler=trainer.scaler.state_dict(),
    )
    moments = {
        f"moment/{number}/{name}": value for number, held in state["state"].items() for name, value in held.items()
    }
    tensors = {
        **_with_prefix("weight", trainer.trained()),
        **moments,
        **_with_prefix("best", curve.early_stopping.best_weights()),
        **_with_prefix("hooks", trainer.hooks.state().items()),
        "random": trainer.group.all_gather(random_state(trainer.group)),
    }
    return TrainingState(progress=progress, tensors={name: value.detach().cpu() for name, value in tensors.items()})


def resume(trainer: Trainer, curve: TrainingCurve, training_state: TrainingState) -> None:
    """The inverse of `capture`, for a stage that has just begun. Random numbers come last."""
    progress, tensors = training_state.progress, training_state.tensors
    for name, parameter in trainer.trained():
        parameter.data.copy_(tensors[f"weight/{name}"])
    _set_optimizer(trainer, progress.rates, tensors)
    trainer.scheduler.load_state_dict(
        {**trainer.scheduler.state_dict(), **progress.scheduler, "_last_lr": progress.rates}
    )
    trainer.scaler.load_state_dict(dict(progress.scaler))
    curve.updates, trainer.records = progress.updates, progress.records
    curve.records = progress.records
    curve.losses = list(progress.losses)
    curve.early_stopping.load_state(progress.patience, _without_prefix("best", tensors))
    trainer.hooks.load_state(_without_prefix("hooks", tensors))
    set_random_state(trainer.group, tensors["random"])


def _set_optimizer(trainer: Trainer, rates: Iterable[float], tensors: Mapping[str, Tensor]) -> None:
    held: dict[int, dict[str, Tensor]] = {}
    for name, value in _without_prefix("moment", tensors).items():
        number, _, moment = name.partition("/")
        held.setdefault(int(number), {})[moment] = value.clone()
    groups = trainer.optimizer.state_dict()["param_groups"]
    groups = [{**group, "lr": rate} for group, rate in zip(groups, rates, strict=True)]
    trainer.optimizer.load_state_dict({"state": held, "param_groups": groups})


def _with_prefix(prefix: str, tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors}


def _without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors named `prefix/…`, without that."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
