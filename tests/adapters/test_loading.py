"""Loading under the same and under other names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from atlas.adapters import AtlasConfig, load_adapter
from atlas.runtime.errors import AtlasError

from .conftest import adapted, chain, output, small_model


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.Tensor]:
    """A folder with three saved adapters of two kinds, and the output with the last one active."""
    model, inputs = small_model("vilt")
    last = AtlasConfig(kind="lora", r=2, alpha=4.0, experience=["task-0", "task-1"])
    model = adapted(model, *chain(2), last)
    for layer in model.sites().values():
        layer.atlas_up["task-2"].data.normal_()
    model.save_pretrained(str(tmp_path))
    return tmp_path, output(model, inputs)


def test_under_other_names_with_experience_renamed(saved: tuple[Path, torch.Tensor]) -> None:
    folder, expected = saved
    model, inputs = small_model("vilt")
    model = load_adapter(model, folder / "task-0", "b")
    model = load_adapter(model, folder / "task-1", "a", experience=["b"])
    model = load_adapter(model, folder / "task-2", "c", experience=["b", "a"])
    model.activate("c")
    assert torch.equal(output(model, inputs), expected)
    assert not [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def test_beside_others_leaves_the_active_one_alone(saved: tuple[Path, torch.Tensor]) -> None:
    folder, _ = saved
    model, inputs = small_model("vilt")
    model = load_adapter(model, folder / "task-0", "task-0").train()
    before = output(model, inputs)
    model = load_adapter(model, folder / "task-1", "task-1")
    assert model.training
    assert torch.equal(output(model, inputs), before)


def test_experience_of_another_length_is_refused(saved: tuple[Path, torch.Tensor]) -> None:
    with pytest.raises(AtlasError, match="experience names 1 adapter,"):
        load_adapter(small_model("vilt")[0], saved[0] / "task-2", "c", experience=["b"])


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_a_file_that_does_not_hold_the_adapter_is_refused(saved: tuple[Path, torch.Tensor], change: str) -> None:
    file = saved[0] / "task-0" / "adapter_model.safetensors"
    tensors = load_file(file)
    if change == "missing":
        tensors.pop(next(iter(tensors)))
    else:
        tensors["base_model.model.encoder.layer.0.output.dense.atlas_extra"] = torch.zeros(1)
    save_file(tensors, file)
    with pytest.raises(AtlasError, match="does not hold adapter 'task-0'"):
        load_adapter(small_model("vilt")[0], saved[0] / "task-0", "task-0")
