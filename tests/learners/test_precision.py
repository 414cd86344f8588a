from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.learners import FineTuning, HeadOnly, HeadStage, Precision, Schedule
from atlas.learners.divergence import Diverged
from atlas.learners.evaluation import score
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.small import SCHEDULE, World

HALF = replace(SCHEDULE, precision="float16", warmup=0.0)
OVERFLOWING = 2.0**126  # the scaled loss is finite in float32, its gradients are not in float16


@contextmanager
def computed(module: nn.Module) -> Iterator[set[torch.dtype]]:
    """The types in which a module's linear layers give their outputs."""
    found: set[torch.dtype] = set()
    hooks = [
        one.register_forward_hook(lambda _module, _inputs, out: found.add(out.dtype))
        for one in module.modules()
        if isinstance(one, nn.Linear)
    ]
    yield found
    for hook in hooks:
        hook.remove()


def trainer_of(world: World, schedule: Schedule, *, scale: float | None = None, updates: int = 4) -> Trainer:
    """A trainer of a head on digits; `scale` is where its loss scaling begins."""
    model, stage = world.model(), HeadStage(schedule=schedule)
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    trainer = Trainer(model, stage, world.worker_context.data["digits"], ProcessGroup(), updates)
    if scale is not None:
        trainer.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return trainer


def weights(trainer: Trainer) -> list[Tensor]:
    return [value.detach().clone() for _, value in trainer.trained()]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_step_is_scored_in_the_precision_in_which_it_is_trained(
    small_world: World, store: Store, precision: Precision
) -> None:
    (step,) = small_world.walk("digits", learner=HeadOnly(schedule=SCHEDULE).at_precision(precision))
    with computed(small_world.worker_context.backbone) as types:
        train_step(step, small_world.worker_context, store)
    assert types == {getattr(torch, precision)}


def test_an_early_stop_is_decided_in_the_precision_of_training(small_world: World) -> None:
    stage = HeadStage(schedule=replace(SCHEDULE, precision="bfloat16", patience=1, evaluate_every=1))
    model, data = small_world.model(), small_world.worker_context.data["digits"]
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    with computed(model) as types:
        fit(model, stage, data, seed=0, group=ProcessGroup(), limit=8)
    assert types == {torch.bfloat16}


def test_a_score_is_in_float32_unless_told_otherwise(small_world: World) -> None:
    model, data = small_world.model(), small_world.worker_context.data["digits"]
    model.ensure_head("digits", torch.Generator().manual_seed(0))
    with computed(model) as types:
        score(model, data, "val", limit=8, group=ProcessGroup())
    assert types == {torch.float32}


def test_an_update_that_float16_cannot_hold_leaves_weights_and_schedule_as_they_were(small_world: World) -> None:
    trainer, batch = trainer_of(small_world, HALF, scale=OVERFLOWING), torch.arange(8)
    before, rate = weights(trainer), trainer.scheduler.get_last_lr()
    trainer.update(batch)
    assert all(torch.equal(one, other) for one, other in zip(before, weights(trainer), strict=True))
    assert (trainer.updates_applied, trainer.scheduler.get_last_lr()) == (0, rate)
    assert trainer.scaler.get_scale() == OVERFLOWING / 2
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    trainer.update(batch)
    assert not all(torch.equal(one, other) for one, other in zip(before, weights(trainer), strict=True))
    assert trainer.updates_applied == 1
    assert trainer.scheduler.get_last_lr() < rate


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_without_loss_scaling_the_schedule_follows_every_update(small_world: World, precision: Precision) -> None:
    trainer = trainer_of(small_world, replace(SCHEDULE, precision=precision))
    for _ in range(3):
        trainer.update(torch.arange(8))
    assert trainer.updates_applied == 3


def test_a_stage_none_of_whose_updates_was_applied_has_diverged(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (step,) = small_world.walk("digits", learner=HeadOnly(schedule=HALF))
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=OVERFLOWING))
    with pytest.raises(Diverged, match="the gradients of all 2 updates are not finite in float16, so that nothing"):
        train_step(step, small_world.worker_context, store)
    assert list(store.keys()) == []


def norms(trainer: Trainer, updates: int = 3) -> list[float]:
    """The norm of all gradients together that the optimiser sees at each update."""
    found: list[float] = []

    def note(*_: Any) -> None:
        found.append(
            float(torch.stack([value.grad.norm() for _, value in trainer.trained() if value.grad is not None]).norm())
        )

    trainer.optimizer.register_step_pre_hook(note)
    for number in range(updates):
        trainer.update(torch.arange(8 * number, 8 * number + 8))
    return found


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_are_scaled_down_to_the_largest_norm(
    small_world: World, precision: Precision, accumulate: int
) -> None:
    schedule = replace(SCHEDULE, precision=precision, accumulate=accumulate)
    free = norms(trainer_of(small_world, schedule, scale=256.0 if precision == "float16" else None))
    bound = min(free) / 4
    bounded = trainer_of(
        small_world, replace(schedule, max_gradient_norm=bound), scale=256.0 if precision == "float16" else None
    )
    assert norms(bounded) == pytest.approx([bound] * 3, rel=1e-3)


def test_a_bound_that_is_never_reached_changes_nothing(small_world: World) -> None:
    trainers = [trainer_of(small_world, replace(SCHEDULE, max_gradient_norm=bound)) for bound in (None, 1e9)]
    assert norms(trainers[0]) == norms(trainers[1])
    assert all(torch.equal(one, other) for one, other in zip(*map(weights, trainers), strict=True))


def test_a_bound_on_gradients_is_part_of_a_steps_key_only_where_there_is_one() -> None:
    free, bounded = (FineTuning(schedule=replace(SCHEDULE, max_gradient_norm=norm)) for norm in (None, 1.0))
    assert "max_gradient_norm" not in free.stages(0)[0].settings_json
    assert '"max_gradient_norm": 1.0' in bounded.stages(0)[0].settings_json


def test_workers_draw_numbers_of_their_own_and_the_first_those_of_one_alone(small_world: World, store: Store) -> None:
    (step,) = small_world.walk("digits", learner=HeadOnly(schedule=SCHEDULE))
    seeds = []
    for rank in range(3):
        context = replace(small_world.worker_context, group=ProcessGroup(rank=rank))
        train_step(step, context, store, on_start=lambda: None, on_update=lambda *_: None)
        seeds.append(torch.initial_seed())
    assert seeds[0] == step.random_seed("forward")
    assert len(set(seeds)) == 3
