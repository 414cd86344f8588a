from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from atlas.learners import BottomFrozen, FineTuning, Stage
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from atlas.runtime.errors import AtlasError
from atlas.steps.train import load_model
from atlas.storage.store import Store
from tests.small import SCHEDULE, World, seed_by_task, weights

ORDER = ("digits", "easy-vqa")
LEARNER = FineTuning(schedule=SCHEDULE)


def backbone(world: World) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in world.worker_context.backbone.state_dict().items()}


def test_every_weight_of_the_backbone_gets_a_gradient(small_world: World) -> None:
    """A weight without one would be an error under DDP."""
    model, (stage,) = small_world.model(), LEARNER.stages(0)
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    Trainer(model, stage, small_world.worker_context.data["digits"], ProcessGroup(), 1)._backward(torch.arange(8), ())
    lacking = [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None]
    model.detach()
    assert lacking == []


def test_the_backbones_own_queries_learn_at_the_plain_rate(small_world: World) -> None:
    model, (stage,) = small_world.model(), LEARNER.stages(0)
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    trainer = Trainer(model, stage, small_world.worker_context.data["digits"], ProcessGroup(), 10)
    model.detach()
    assert {group["initial_lr"] for group in trainer.optimizer.param_groups} == {SCHEDULE.learning_rate}


def test_the_bench_gets_its_backbone_back(small_world: World, store: Store) -> None:
    before = backbone(small_world)
    steps = small_world.walk(*ORDER, learner=LEARNER)
    small_world.learn(steps, store)
    loaded = load_model(steps[-1], small_world.worker_context, store)
    assert any(not torch.equal(value, before[name]) for name, value in backbone(small_world).items())
    loaded.detach()
    assert all(torch.equal(value, before[name]) for name, value in backbone(small_world).items())
    assert not any(parameter.requires_grad for parameter in small_world.worker_context.backbone.parameters())


def test_a_step_keeps_the_backbone_and_its_own_head(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    facts = small_world.learn(steps, store)
    files = {name.partition("/")[0] for name in weights(store, steps[-1])}
    assert files == {"backbone.safetensors", "head.safetensors"}
    size = sum(value.numel() for value in small_world.worker_context.backbone.parameters())
    assert facts[-1].trained_parameters > size


def test_a_second_task_starts_from_the_backbone_of_the_first(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    small_world.learn(steps, store)
    first, second = (weights(store, step) for step in steps)
    name = "backbone.safetensors/pooler.dense.weight"
    far = (first[name] - small_world.worker_context.backbone.state_dict()["model.pooler.dense.weight"]).abs().max()
    assert far > 0
    assert 0 < (second[name] - first[name]).abs().max() < 4 * SCHEDULE.learning_rate


def test_a_restored_stack_answers_as_it_was_scored(small_world: World, store: Store) -> None:
    steps = small_world.walk(*ORDER, learner=LEARNER)
    facts = small_world.learn(steps, store)
    model = load_model(steps[-1], small_world.worker_context, store)
    found = {
        task: score(model, small_world.worker_context.data[task], "test", limit=16, group=ProcessGroup())
        for task in steps[-1].order
    }
    model.detach()
    assert found == facts[-1].scores.latest.test


def test_the_route_own_keeps_the_score_that_a_task_was_learnt_with(small_world: World, store: Store) -> None:
    first, second = small_world.learn(small_world.walk(*ORDER, learner=LEARNER), store)
    assert second.scores.own.test["digits"] == first.scores.latest.test["digits"]


def test_adapters_can_be_learnt_on_a_tuned_backbone_but_not_the_other_way_round(small_world: World) -> None:
    model, generator = small_world.model(), torch.Generator().manual_seed(0)
    model.ensure_head("digits", generator)
    model.train_backbone("digits")
    model.add_adapter("easy-vqa", generator, r=2)
    model.ensure_head("easy-vqa", generator)
    model.train_expansion("easy-vqa")
    assert model.tuning.trained() == {}
    with pytest.raises(AtlasError, match="adapters were trained on cannot be tuned"):
        model.train_backbone("easy-vqa")
    model.detach()


def trained_layers(world: World, stage: Stage) -> set[str]:
    model = world.model()
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    names = set(model.tuning.trained())
    model.detach()
    return {name.split(".")[2] for name in names if name.startswith("encoder.layer.")}


@pytest.mark.parametrize(("frozen", "layers"), [(None, {"1"}), (1, {"1"}), (2, set())])
def test_the_lowest_layers_stay_as_they_were(small_world: World, frozen: int | None, layers: set[str]) -> None:
    assert trained_layers(small_world, BottomFrozen(schedule=SCHEDULE, frozen=frozen).stages(0)[0]) == layers


def test_frozen_layers_are_not_stored(small_world: World, store: Store) -> None:
    steps = small_world.walk("digits", learner=BottomFrozen(schedule=SCHEDULE, frozen=1))
    small_world.learn(steps, store)
    kept = weights(store, steps[0])
    assert "backbone.safetensors/encoder.layer.1.output.dense.weight" in kept
    assert not any(".layer.0." in name or "embeddings" in name for name in kept)


@pytest.mark.parametrize("frozen", [0, -1])
def test_freezing_no_layer_is_another_learner(frozen: int) -> None:
    with pytest.raises(AtlasError, match=f"frozen is {frozen}; give 1 layer or more, or take the learner"):
        BottomFrozen(frozen=frozen)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_tunes_float32_weights(
    small_world: World, store: Store, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_by_task(monkeypatch)
    found = []
    for learner in (LEARNER, LEARNER.at_precision(precision)):
        steps = small_world.walk("digits", learner=learner)
        small_world.learn(steps, store)
        found.append(weights(store, steps[0]))
    assert {value.dtype for value in found[1].values()} == {torch.float32}
    far = max(float((found[1][name] - value).abs().max()) for name, value in found[0].items())
    assert 0 < far < 5 * SCHEDULE.learning_rate
