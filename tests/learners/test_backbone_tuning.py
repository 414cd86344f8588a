from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from atlas.learners.backbone_tuning import BackboneTuning
from atlas.runtime.errors import AtlasError
from tests.small import World


@pytest.fixture
def tuned(small_world: World) -> Iterator[BackboneTuning]:
    tuned = BackboneTuning(small_world.worker_context.backbone)
    yield tuned
    tuned.restore()


def values(tuned: BackboneTuning) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in tuned.parameters.items()}


def shake(tuned: BackboneTuning) -> None:
    """Change the trained parameters and set their gradients, as an optimiser's update does."""
    for number, parameter in enumerate(tuned.trained().values(), start=1):
        parameter.data += 0.1 * number
        parameter.grad = torch.ones_like(parameter)


def test_the_backbone_comes_back_to_the_bit_frozen_and_without_gradients(tuned: BackboneTuning) -> None:
    before = values(tuned)
    tuned.train(0)
    shake(tuned)
    tuned.train(0)  # what was kept first counts
    shake(tuned)
    tuned.restore()
    assert all(torch.equal(value, before[name]) for name, value in values(tuned).items())
    assert not any(parameter.requires_grad for parameter in tuned.parameters.values())
    assert all(parameter.grad is None for parameter in tuned.parameters.values())


def test_no_layer_frozen_trains_everything(tuned: BackboneTuning) -> None:
    tuned.train(0)
    assert tuned.trained().keys() == tuned.parameters.keys()


@pytest.mark.parametrize(("frozen", "layers"), [(1, {"1"}), (2, set())])
def test_what_lies_below_stays_frozen(tuned: BackboneTuning, frozen: int, layers: set[str]) -> None:
    tuned.train(frozen)
    names = tuned.trained().keys()
    assert {name.split(".")[2] for name in names if name.startswith("encoder.layer.")} == layers
    assert not any(name.startswith("embeddings.") for name in names)
    assert "pooler.dense.weight" in names


@pytest.mark.parametrize("frozen", [-1, 3])
def test_more_layers_than_there_are_cannot_be_frozen(tuned: BackboneTuning, frozen: int) -> None:
    with pytest.raises(AtlasError, match=f"{frozen} layers are to be frozen; the backbone has 2: give 0 to that"):
        tuned.train(frozen)


def test_what_was_trained_is_saved_in_float32_and_loaded_elsewhere(tuned: BackboneTuning, tmp_path: Path) -> None:
    tuned.train(1)
    shake(tuned)
    learnt, names = values(tuned), set(tuned.trained())
    tuned.save(tmp_path)
    saved = load_file(tmp_path / "backbone.safetensors")
    assert set(saved) == names
    assert {value.dtype for value in saved.values()} == {torch.float32}
    tuned.restore()
    tuned.load(tmp_path)
    assert all(torch.equal(value, learnt[name]) for name, value in values(tuned).items())


def test_nothing_trained_is_nothing_saved_and_nothing_loaded(tuned: BackboneTuning, tmp_path: Path) -> None:
    before = values(tuned)
    tuned.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    tuned.load(tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in values(tuned).items())


def test_the_weights_of_another_model_are_refused(tuned: BackboneTuning, tmp_path: Path) -> None:
    save_file({"embeddings.strange": torch.zeros(1)}, tmp_path / "backbone.safetensors")
    with pytest.raises(AtlasError, match="holds 'embeddings.strange', which this backbone lacks"):
        tuned.load(tmp_path)
