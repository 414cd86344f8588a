"""Contract of every readout in the catalogue, on a backbone that allows it: a new entry is tested for free."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from atlas.backbones.families import FAMILIES
from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts import ANSWERS, READOUTS, find_readout
from atlas.runtime.errors import AtlasError
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_siglip
from tests.backbones.generative.checkpoints import write_smolvlm
from tests.small import World, make_world

CAPTIONED = "flickr30k-twin"
FORMS = ("digits", "easy-vqa", "easy-pair", "inaturalist-twin")  # prompts alone, after a text, two images, soft scores
ALL = (*FORMS, CAPTIONED)
CHECKPOINTS = {"siglip": write_siglip, "smolvlm": write_smolvlm}
LIMITS = {"train": 16, "val": 8, "test": 8}


@pytest.fixture(scope="module", params=sorted(READOUTS))
def world(request: pytest.FixtureRequest, worlds: dict[str, World]) -> World:
    """A world of the first family here that allows a readout, and its model with the readout for each task."""
    return worlds[next(name for name in CHECKPOINTS if request.param in FAMILIES[name].readouts)]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, World]:
    root = tmp_path_factory.mktemp("readouts")
    tasks = [TASKS[name] for name in ALL]
    return {name: make_world(write(root / name), root / "data", tasks, LIMITS) for name, write in CHECKPOINTS.items()}


@pytest.fixture
def model(request: pytest.FixtureRequest, world: World) -> ContinualModel:
    model = world.model()
    model.new_readout = request.node.callspec.params["world"]
    for task in filter(partial(answered_by, model.new_readout), ALL):
        model.ensure_head(task, torch.Generator().manual_seed(0))
    return model


def answered_by(readout: str, task: str) -> bool:
    """Whether a readout can give the answers of a task."""
    return TASKS[task].answer_kind in ANSWERS[readout]


def answers(model: ContinualModel, batch: Batch, task: str) -> torch.Tensor | list[str]:
    """The answers as the readout gives them: logits, or texts."""
    with torch.no_grad():
        return model.write(batch, task) if model.readout(task).writes else model(batch, task)


def batch(world: World, task: str, count: int = 4) -> Batch:
    return world.worker_context.data[task].splits["train"].batch(torch.arange(count))


def test_the_catalogue_names_each_by_its_own_name() -> None:
    assert all(find_readout(name).name == name for name in READOUTS)
    with pytest.raises(AtlasError, match="Did you mean 'head'"):
        find_readout("heat")


@pytest.mark.parametrize("task", ALL)
def test_there_is_a_logit_an_answer(model: ContinualModel, world: World, task: str) -> None:
    if task not in model.heads:
        pytest.skip("its answers are others")
    logits = answers(model, batch(world, task), task)
    if model.readout(task).writes:
        assert len(logits) == 4
        assert all(isinstance(text, str) for text in logits)
        return
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (4, len(TASKS[task].answers) or 5)  # captions
    assert logits.isfinite().all()


@pytest.mark.parametrize("task", ALL)
def test_a_record_alone_is_as_in_a_batch(model: ContinualModel, world: World, task: str) -> None:
    if task not in model.heads:
        pytest.skip("its answers are others")
    whole, alone = (answers(model, batch(world, task, count), task) for count in (4, 1))
    if isinstance(whole, torch.Tensor) and isinstance(alone, torch.Tensor):
        assert torch.allclose(whole[:1], alone, atol=1e-4)
    else:
        assert whole[:1] == alone


@pytest.mark.parametrize("task", ["digits", CAPTIONED])
def test_its_parameters_are_saved_and_loaded_with_its_name(
    model: ContinualModel, world: World, tmp_path: Path, task: str
) -> None:
    if task not in model.heads:
        pytest.skip("its answers are others")
    again = world.model()
    for parameter in model.heads[task].parameters():
        parameter.data += 0.25
    model.save(task, tmp_path)
    again.load(task, tmp_path)
    assert type(again.readout(task)) is type(model.readout(task))
    first, second = (answers(one, batch(world, task), task) for one in (again, model))
    assert first == second if isinstance(first, list) else torch.equal(first, second)  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["digits", CAPTIONED])
def test_its_parameters_learn(model: ContinualModel, world: World, task: str) -> None:
    """Those of its own, and adapters'."""
    if task not in model.heads:
        pytest.skip("its answers are others")
    model.add_adapter(task, torch.Generator().manual_seed(0), r=2)
    model.train_expansion(task)
    scoring = world.worker_context.data[task].scoring
    loss, _ = model.loss(batch(world, task), task, scoring)
    assert loss.ndim == 0
    loss.backward()
    head, adapter = model.heads[task].parameters(), model.backbone.parameters()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in head)
    assert any(value.grad is not None and value.grad.abs().sum() > 0 for value in adapter)
    model.zero_grad(set_to_none=True)
    model.detach()
