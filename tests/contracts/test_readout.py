"""Contract of every readout in the catalogue, on a dual encoder: a new entry is tested for free."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts import READOUTS, find_readout
from atlas.runtime.errors import AtlasError
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import CHECKPOINTS
from tests.small import World, make_world

FORMS = ("digits", "easy-vqa", "easy-pair", "inaturalist-twin")  # prompts alone, after a text, two images, soft scores
LIMITS = {"train": 16, "val": 8, "test": 8}


@pytest.fixture(scope="module")
def dual_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("dual")
    return make_world(CHECKPOINTS["siglip"](root / "siglip"), root / "data", [TASKS[name] for name in FORMS], LIMITS)


@pytest.fixture(params=sorted(READOUTS))
def model(request: pytest.FixtureRequest, dual_world: World) -> ContinualModel:
    model = dual_world.model()
    model.new_readout = request.param
    for task in FORMS:
        model.ensure_head(task, torch.Generator().manual_seed(0))
    return model


def batch(world: World, task: str, count: int = 4) -> Batch:
    return world.worker_context.data[task].splits["train"].batch(torch.arange(count))


def test_the_catalogue_names_each_by_its_own_name() -> None:
    assert all(find_readout(name).name == name for name in READOUTS)
    with pytest.raises(AtlasError, match="Did you mean 'head'"):
        find_readout("heat")


@pytest.mark.parametrize("task", FORMS)
def test_there_is_a_logit_an_answer(model: ContinualModel, dual_world: World, task: str) -> None:
    logits = model(batch(dual_world, task), task)
    assert logits.shape == (4, len(TASKS[task].answers))
    assert logits.isfinite().all()


@pytest.mark.parametrize("task", FORMS)
def test_a_record_alone_is_as_in_a_batch(model: ContinualModel, dual_world: World, task: str) -> None:
    whole = model(batch(dual_world, task), task)
    assert torch.allclose(whole[:1], model(batch(dual_world, task, 1), task), atol=1e-4)


def test_its_parameters_are_saved_and_loaded_with_its_name(
    model: ContinualModel, dual_world: World, tmp_path: Path
) -> None:
    task, again = "digits", dual_world.model()
    for parameter in model.heads[task].parameters():
        parameter.data += 0.25
    model.save(task, tmp_path)
    again.load(task, tmp_path)
    assert type(again.readout(task)) is type(model.readout(task))
    assert torch.equal(again(batch(dual_world, task), task), model(batch(dual_world, task), task))


def test_its_parameters_learn(model: ContinualModel, dual_world: World) -> None:
    model.train_head("digits")
    loss = torch.nn.functional.cross_entropy(model(batch(dual_world, "digits"), "digits"), torch.arange(4))
    loss.backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in model.heads["digits"].parameters())
    model.zero_grad(set_to_none=True)
