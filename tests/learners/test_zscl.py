from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.learners import FineTuning, Learner, Zscl
from atlas.learners.continual_model import ContinualModel
from atlas.learners.hooks import StageContext
from atlas.learners.process_group import ProcessGroup
from atlas.learners.references import ReferenceRecords, distillation
from atlas.learners.zscl import ZsclHooks, ZsclStage
from atlas.runtime.errors import AtlasError
from atlas.steps.step import step_from
from atlas.steps.train import train_step
from atlas.storage.store import Store
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_clip
from tests.small import SCHEDULE, World, assert_same_learning, make_world, seed_by_task, weights

STEADY = replace(SCHEDULE, warmup=0.0, decay="constant")
FILE = "backbone.safetensors/"


@pytest.fixture(scope="module")
def clip_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("zscl")
    tasks = [TASKS[name] for name in ("digits", "easy-vqa", "inaturalist-twin")]
    return make_world(write_clip(root / "clip"), root / "data", tasks, {"train": 16, "val": 8, "test": 8})


def hooks_of(model: ContinualModel, world: World, task: str, **settings: Any) -> ZsclHooks:
    """The hooks of a stage that has begun."""
    stage = ZsclStage(schedule=SCHEDULE, **settings)
    stage.begin(model, task, torch.Generator().manual_seed(0))
    data = world.worker_context.data
    return ZsclHooks(StageContext(model=model, task=task, data=data, group=ProcessGroup(), seed=len), stage)


def tuned(world: World, folder: Path, learner: Learner, *order: str) -> dict[str, Tensor]:
    """The backbone's weights after an order."""
    store, steps = Store.open(str(folder)), world.walk(*order, learner=learner)
    world.learn(steps, store)
    return {name.removeprefix(FILE): one for name, one in weights(store, steps[-1]).items() if name.startswith(FILE)}


def test_without_its_parts_it_is_fine_tuning(small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_by_task(monkeypatch)
    bare = Zscl(schedule=SCHEDULE, weight=0.0, consolidation=0.0, snapshots=0)
    assert_same_learning(small_world, store, FineTuning(schedule=SCHEDULE), bare, "digits", "easy-vqa")


def test_the_weights_are_the_average_of_those_along_the_stage(
    small_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a constant rate, the first updates of a longer stage are those of a shorter one."""
    seed_by_task(monkeypatch)
    start = {name: value.clone() for name, value in small_world.worker_context.backbone.model.named_parameters()}
    along = [
        tuned(small_world, tmp_path / str(steps), FineTuning(schedule=replace(STEADY, steps=steps)), "digits")
        for steps in (2, 4, 6)
    ]
    averaged = Zscl(schedule=replace(STEADY, steps=7), weight=0.0, consolidation=0.0, snapshots=3)
    found = tuned(small_world, tmp_path / "average", averaged, "digits")
    assert found.keys() == along[0].keys()
    for name, value in found.items():
        expected = torch.stack([start[name], *(one[name] for one in along)]).mean(0)
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("task", ["digits", "easy-vqa"])
def test_the_distillation_is_of_the_pre_trained_similarities_both_ways(task: str, clip_world: World) -> None:
    model = clip_world.model()
    hooks = hooks_of(model, clip_world, task, weight=0.5, consolidation=0.0, references=5)
    hooks.replay()
    assert hooks.drawn is not None
    batch = hooks.references.batch(*hooks.drawn)
    backbone: Any = model.backbone

    def similarities() -> Tensor:
        images = nn.functional.normalize(backbone.image_features(batch.pixels[:, 0]), dim=-1)
        texts = nn.functional.normalize(backbone.text_features(batch.tokens[:, 0], batch.mask[:, 0]), dim=-1)
        return math.exp(backbone.log_scale) * images @ texts.T

    with torch.no_grad():
        before = similarities()
        for number, value in enumerate(model.tuning.trained().values()):
            value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(number))
        after = similarities()
        found = hooks.penalty(batch, before)
    model.detach()
    expected = torch.zeros(())
    for old, new in ((before, after), (before.T, after.T)):
        expected += 4 * -((old / 2).softmax(1) * (new / 2).log_softmax(1)).sum(1).mean()
    assert before.shape == (5, 5)
    torch.testing.assert_close(found, 0.5 * expected, rtol=1e-4, atol=1e-4)


def test_the_pre_trained_model_is_where_the_distillation_has_no_slope(clip_world: World, small_world: World) -> None:
    for world in (clip_world, small_world):
        model = world.model()
        hooks = hooks_of(model, world, "digits", consolidation=0.0, references=6)
        hooks.replay()
        batch = world.worker_context.data["digits"].splits["train"].batch(torch.arange(2))
        hooks.penalty(batch, model.pool(batch, "digits")).backward()
        slopes = [value.grad.abs().max() for value in model.tuning.trained().values() if value.grad is not None]
        assert slopes
        assert max(slopes) < 1e-3
        model.detach()


def test_the_consolidation_is_the_mean_square_shift_of_each_tensor(small_world: World) -> None:
    model = small_world.model()
    hooks = hooks_of(model, small_world, "digits", weight=0.0, consolidation=3.0)
    batch = small_world.worker_context.data["digits"].splits["train"].batch(torch.arange(2))
    with torch.no_grad():
        for value in model.tuning.trained().values():
            value += 0.5
        found = hooks.penalty(batch, model.pool(batch, "digits"))
    torch.testing.assert_close(found, torch.tensor(3.0 * 0.25 * len(model.tuning.trained())))
    model.detach()


def test_images_without_texts_meet_the_names_of_all_classes_seen(clip_world: World) -> None:
    model, data = clip_world.model(), clip_world.worker_context.data
    both = ("inaturalist-twin", "digits")
    references = ReferenceRecords(model, data["digits"], named=both, size=64, seed=0)
    assert references.prompts is not None
    assert len(references.prompts) == len(data["digits"].answers) + len(data["inaturalist-twin"].answers)
    indices, prompts = references.draw()
    again = ReferenceRecords(model, data["digits"], named=both, size=64, seed=0).draw()
    assert prompts is not None
    assert torch.equal(torch.stack([indices, prompts]), torch.stack([one for one in again if one is not None]))
    assert len(prompts.unique()) > len(data["digits"].answers)
    batch = references.batch(indices, prompts)
    assert torch.equal(batch.tokens[:, 0], references.prompts[prompts])
    assert ReferenceRecords(model, data["easy-vqa"], named=("easy-vqa",), size=4, seed=0).draw()[1] is None


def test_a_reference_that_is_named_is_read_in_the_place_of_the_tasks_own(clip_world: World, tmp_path: Path) -> None:
    """Its pictures, with its own classes alone; in the key by its data, and never learnt or scored."""
    model, data = clip_world.model(), clip_world.worker_context.data
    model.ensure_head("easy-vqa", torch.Generator())
    hooks = hooks_of(model, clip_world, "easy-vqa", reference="inaturalist-twin")
    hooks.replay()
    assert hooks.drawn is not None
    assert hooks.drawn[1] is not None
    batch, train = hooks.references.batch(*hooks.drawn), data["inaturalist-twin"].splits["train"]
    assert torch.equal(batch.pixels, train.batch(hooks.drawn[0]).pixels)
    assert hooks.references.prompts is not None
    assert len(hooks.references.prompts) == len(data["inaturalist-twin"].answers)
    model.detach()
    plain, named = (
        clip_world.walk("digits", "easy-vqa", learner=Zscl(schedule=SCHEDULE, references=8, reference=reference))
        for reference in ("", "inaturalist-twin")
    )
    assert [step.reads for step in plain] == [(), ()]
    digest = clip_world.step_inputs.data["inaturalist-twin"]
    assert [step.reads for step in named] == [(("inaturalist-twin", digest),)] * 2
    assert {step.key for step in plain}.isdisjoint(step.key for step in named)
    assert named[-1].order == named[-1].scored == ("digits", "easy-vqa")
    assert step_from(json.loads(json.dumps(named[-1].describe()))) == named[-1]
    assert "reference" not in plain[0].stage.settings()
    store = Store.open(str(tmp_path / "store"))
    results = [clip_world.learn(steps, store) for steps in (plain, named)]
    assert results[0][0].losses != results[1][0].losses
    data_less = replace(clip_world.worker_context, data={name: data[name] for name in ("digits", "easy-vqa")})
    with pytest.raises(AtlasError, match="no prepared data here for inaturalist-twin"):
        train_step(named[0], data_less, store)


def test_a_record_is_not_compared_with_itself_where_there_are_no_features(small_world: World) -> None:
    references = ReferenceRecords(
        small_world.model(), small_world.worker_context.data["digits"], named=("digits",), size=4, seed=0
    )
    found = references.similarities(references.batch(*references.draw()))
    assert torch.equal(found.diag(), torch.full((4,), -1e4))
    assert found.fill_diagonal_(0).abs().max() <= 1 / 0.07 + 1e-3
    assert distillation(found, found, 2.0).isfinite()


def test_it_resumes_with_the_average_so_far(small_world: World) -> None:
    first = small_world.model()
    hooks = hooks_of(first, small_world, "digits", snapshots=2)
    with torch.no_grad():
        for value in first.tuning.trained().values():
            value += 1.0
    hooks.after_update(1)
    kept = {name: value.clone() for name, value in hooks.state().items()}
    first.detach()
    second = small_world.model()
    again = hooks_of(second, small_world, "digits", snapshots=2)
    again.load_state(kept)
    assert all(torch.equal(again.average[name], value) for name, value in kept.items())
    second.detach()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": -1.0}, "weight is -1"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"references": 1}, "similarities need 2 records or more"),
        ({"consolidation": float("nan")}, "consolidation is nan"),
        ({"snapshots": -1}, "snapshots is -1"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        Zscl(**values)
