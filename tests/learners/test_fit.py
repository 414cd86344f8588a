from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from atlas.data.prepare import prepare
from atlas.learners import HeadStage, Precision, Schedule
from atlas.learners.compute import Compute
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import Diverged
from atlas.learners.evaluation import score
from atlas.learners.fit import batches, fit
from atlas.learners.process_group import ProcessGroup
from atlas.learners.scores import SCORES
from atlas.learners.trainer import Trainer, TrainingCurve, takes_fused_steps
from atlas.runtime.errors import AtlasError
from atlas.steps.train import open_task
from tests.backbones.toys import PAIRS
from tests.small import SCHEDULE, World

FITTING = Schedule(steps=3, batch_size=8, learning_rate=1e-2)


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    model = small_world.model()
    yield model
    model.detach()


def learn(
    world: World, schedule: Schedule, *, task: str = "digits", seed: int = 0, **named: Any
) -> tuple[Any, TrainingCurve]:
    """A head learnt alone: its parameters and its curve."""
    model, stage = world.model(), HeadStage(schedule=schedule)
    stage.begin(model, task, torch.Generator().manual_seed(0))
    curve = fit(model, stage, world.worker_context.data[task], seed=seed, group=ProcessGroup(), **named)
    return [value.detach().clone() for value in model.heads[task].parameters()], curve


def farthest(one: list[Tensor], other: list[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def test_the_same_seed_gives_the_same_parameters_and_another_others(small_world: World) -> None:
    first, again, other = (learn(small_world, FITTING, seed=seed)[0] for seed in (0, 0, 1))
    assert farthest(first, again) == 0
    assert farthest(first, other) > 0


def test_micro_batches_add_up_to_the_batch(small_world: World) -> None:
    whole, halves = (learn(small_world, replace(FITTING, accumulate=count))[0] for count in (1, 2))
    assert farthest(whole, halves) < 1e-5


def test_learning_lowers_the_loss(small_world: World) -> None:
    _, curve = learn(small_world, Schedule(steps=80, batch_size=32, learning_rate=1e-2))
    assert curve.losses[-1][1] < curve.losses[0][1]
    assert curve.updates == 80


def test_epochs_count_records_and_steps_count_updates(small_world: World) -> None:
    records = len(small_world.worker_context.data["digits"].splits["train"])
    assert learn(small_world, Schedule(epochs=2, batch_size=32))[1].updates == 2 * records / 32
    assert learn(small_world, Schedule(steps=4, epochs=2, batch_size=32))[1].updates == 4


def test_no_updates_leave_the_head_as_it_was_drawn(small_world: World) -> None:
    untrained, curve = learn(small_world, replace(FITTING, steps=0))
    assert (curve.updates, curve.losses) == (0, [])
    assert farthest(untrained, learn(small_world, replace(FITTING, steps=0), seed=1)[0]) == 0


def test_at_most_about_fifty_losses_are_kept_the_first_and_the_last_among_them(small_world: World) -> None:
    _, curve = learn(small_world, Schedule(steps=120, batch_size=1, learning_rate=1e-4))
    updates = [update for update, _ in curve.losses]
    assert (updates[0], updates[-1]) == (1, 120)
    assert len(updates) <= 62


def test_patience_ends_a_stage_that_no_longer_rises(small_world: World) -> None:
    still = replace(FITTING, steps=50, learning_rate=1e-12, patience=2, evaluate_every=2)
    _, curve = learn(small_world, still)
    assert curve.updates == 6
    assert [update for update, _ in curve.early_stopping.scores] == [2, 4, 6]


def test_patience_gives_the_best_state_back(small_world: World, model: ContinualModel) -> None:
    stage = HeadStage(schedule=replace(FITTING, steps=30, learning_rate=0.05, patience=5, evaluate_every=3))
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    data = small_world.worker_context.data["digits"]
    curve = fit(model, stage, data, seed=0, group=ProcessGroup(), limit=16)
    best = max(value for _, value in curve.early_stopping.scores)
    assert score(model, data, "val", limit=16, group=ProcessGroup()) == best


@pytest.mark.parametrize("wild", [{"learning_rate": 1e30}, {"weight_decay": 1e30}])
def test_a_loss_that_is_no_number_names_the_update(small_world: World, wild: dict[str, float]) -> None:
    with pytest.raises(Diverged, match=r"the loss became \w+ at update \d+; lower the learning rate"):
        learn(small_world, replace(FITTING, steps=5, **wild))  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_on_a_cpu_too(small_world: World, precision: Any) -> None:
    half, curve = learn(small_world, replace(FITTING, precision=precision))
    whole, _ = learn(small_world, FITTING)
    assert all(math.isfinite(loss) for _, loss in curve.losses)
    assert 0 < farthest(half, whole) < 0.1


def test_soft_scores_with_two_pictures_are_learnt(small_world: World, tmp_path: Path) -> None:
    """As VQA v2 is scored: the answer given is worth what its target says."""
    prepared = prepare(PAIRS, processor=small_world.worker_context.backbone.processor, root=tmp_path)
    data = open_task(prepared.path)
    model, stage = (
        ContinualModel(small_world.worker_context.backbone, {"pairs": data.form}),
        HeadStage(schedule=FITTING),
    )
    stage.begin(model, "pairs", torch.Generator().manual_seed(0))
    curve = fit(model, stage, data, seed=0, group=ProcessGroup())
    assert all(math.isfinite(loss) for _, loss in curve.losses)
    targets = data.splits["test"].targets
    batch = data.splits["test"].batch(torch.arange(len(targets)))
    with torch.no_grad():
        given = model(batch, "pairs").argmax(1)
    expected = 100 * float(targets.gather(1, given[:, None]).double().mean())
    assert score(model, data, "test", limit=None, group=ProcessGroup()) == pytest.approx(expected)


def test_the_losses_are_cross_entropies() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    hard = -torch.log_softmax(logits, 1)[[0, 1], [0, 1]].mean()
    assert SCORES["accuracy"].loss(logits, torch.tensor([0, 1])) == pytest.approx(float(hard))
    targets = torch.tensor([[1.0, 0.0], [0.3, 1.0]])
    p = logits.sigmoid()
    soft = -(targets * p.log() + (1 - targets) * (1 - p).log()).sum(1).mean()
    assert SCORES["soft"].loss(logits, targets) == pytest.approx(float(soft))


def test_the_draw_that_scores_a_task_is_the_same_each_time(small_world: World, model: ContinualModel) -> None:
    HeadStage(schedule=SCHEDULE).begin(model, "digits", torch.Generator().manual_seed(0))
    data = small_world.worker_context.data["digits"]
    values = {score(model, data, "test", limit=11, group=ProcessGroup()) for _ in range(2)}
    assert len(values) == 1
    assert values.pop() * 11 / 100 == pytest.approx(
        round(float(score(model, data, "test", limit=11, group=ProcessGroup())) * 0.11)
    )


def test_decay_and_rates_are_those_of_the_method(small_world: World, model: ContinualModel) -> None:
    """No decay on biases and LayerNorm weights; queries at their factor of the rate."""
    schedule = replace(SCHEDULE, learning_rate=1e-3, query_rate_factor=100.0, weight_decay=0.01)
    model.add_adapter("easy-vqa", torch.Generator().manual_seed(0), r=2)
    model.ensure_head("easy-vqa", torch.Generator().manual_seed(0))
    model.train_expansion("easy-vqa")
    trainer = Trainer(
        model, HeadStage(schedule=schedule), small_world.worker_context.data["easy-vqa"], ProcessGroup(), 10
    )
    names = {id(value): name for name, value in model.named_parameters()}
    for group in trainer.optimizer.param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            flat = any(part in name for part in ("bias", "heads.easy-vqa.1."))
            assert group["weight_decay"] == (0.0 if flat else 0.01), name
            assert group["initial_lr"] == pytest.approx(0.1 if "query" in name else 1e-3), name
            assert (group["betas"], group["eps"]) == ((0.9, 0.98), 1e-4)


@given(records=st.integers(1, 20), size=st.integers(1, 30), updates=st.integers(1, 8), seed=st.integers(0, 5))
def test_batches_go_through_one_shuffle_after_another(records: int, size: int, updates: int, seed: int) -> None:
    found = list(batches(records, size, updates, seed))
    assert [len(one) for one in found] == [size] * updates
    whole = torch.cat(found)
    for start in range(0, len(whole) - records + 1, records):
        assert sorted(whole[start : start + records].tolist()) == list(range(records))


def test_a_batch_that_the_workers_cannot_share_equally_is_refused(small_world: World, model: ContinualModel) -> None:
    stage = HeadStage(schedule=replace(FITTING, batch_size=6, accumulate=2))
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    with pytest.raises(AtlasError, match="batch_size 6 .* 2 workers"):
        fit(model, stage, small_world.worker_context.data["digits"], seed=0, group=ProcessGroup(size=2))


def test_threads_that_read_ahead_change_no_bit_of_a_result(small_world: World) -> None:
    results = []
    for loaders in (0, 2):
        model, stage = small_world.model(), HeadStage(schedule=replace(SCHEDULE, steps=5, accumulate=2))
        stage.begin(model, "digits", torch.Generator().manual_seed(0))
        group = ProcessGroup(compute=Compute(loaders=loaders))
        data = small_world.worker_context.data["digits"]
        curve = fit(model, stage, data, seed=0, group=group)
        weights = [value.detach().clone() for value in model.heads["digits"].parameters()]
        results.append((weights, curve.losses, score(model, data, "test", limit=None, group=group)))
        model.detach()
    (weights, *others), (weights_ahead, *others_ahead) = results
    assert others == others_ahead
    assert all(torch.equal(one, other) for one, other in zip(weights, weights_ahead, strict=True))


@pytest.mark.parametrize(
    ("device", "precision", "fused"),
    [("cpu", "float32", False), ("cuda", "float32", True), ("cuda", "bfloat16", True), ("cuda", "float16", False)],
)
def test_a_gpu_steps_in_one_kernel_unless_the_loss_is_scaled(device: str, precision: Precision, fused: bool) -> None:
    assert takes_fused_steps(torch.device(device), precision) is fused
