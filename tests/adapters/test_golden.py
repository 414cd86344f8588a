"""The numbers of the method's published code (tests/golden; the tolerances are those of its README)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors import safe_open
from torch import Tensor
from transformers import ViltConfig, ViltModel

from atlas.adapters import AtlasConfig

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.safetensors"))
OLD_BUFFERS = {f"embeddings.text_embeddings.{name}" for name in ("position_ids", "token_type_ids")}
ROLES = {
    "atlas_down": "down.weight",
    "atlas_down_bias": "down.bias",
    "atlas_up": "up.weight",
    "atlas_up_bias": "up.bias",
    "atlas_key": "key",
}


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(path, "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def _within(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _model(path: Path) -> tuple[PeftModel, dict[str, Tensor], list[str]]:
    """The published model rebuilt, its last adapter active; the file's tensors; the adapters' names."""
    meta, tensors = _read(path)
    base = ViltModel(ViltConfig(**json.loads(meta["vilt_config"])))
    keys = base.load_state_dict(_within(tensors, "base."), strict=False)
    assert not keys.missing_keys
    assert set(keys.unexpected_keys) <= OLD_BUFFERS
    names = [f"task-{i}" for i in range(int(meta["adapters"]))]
    settings = {"r": int(meta["rank"]), "weighting": meta["weighting"]}
    model = get_peft_model(base, AtlasConfig(**settings), names[0])
    for i, name in enumerate(names[1:], 1):
        model.add_adapter(name, AtlasConfig(**settings, experience=names[:i]))
    model.set_adapter(names[-1])
    for theirs, (parameter, row) in _places(model, names).items():
        (parameter if row is None else parameter[row]).data.copy_(
            tensors[f"atlas.{theirs}"].view_as(parameter if row is None else parameter[row])
        )
        parameter.requires_grad_()
    return model, tensors, names


def _places(model: PeftModel, names: list[str]) -> dict[str, tuple[torch.nn.Parameter, int | None]]:
    """Their name of a tensor → our parameter, and its row where ours holds several of theirs."""
    places: dict[str, tuple[torch.nn.Parameter, int | None]] = {}
    for site, layer in model.sites().items():
        where = f"layer.{site.split('.')[2]}.{'attention' if '.attention.' in site else 'mlp'}.adapter"
        for i, name in enumerate(names):
            ours = layer.parameters_of(name)
            places |= {f"{where}.{i}.{theirs}": (ours[role], None) for role, theirs in ROLES.items()}
            own = name == names[-1]
            queries = layer.atlas_query_own[name] if own else layer.atlas_query_past[names[-1]]
            places[f"{where}.{i}.query"] = (queries, 0 if own else i)
    return places


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_outputs_and_gradients_are_the_published_ones(path: Path) -> None:
    model, tensors, names = _model(path)
    model.train()
    inputs = {key: value for key, value in _within(tensors, "input.").items() if key != "cotangent"}
    pooled = model(**inputs).pooler_output
    assert (pooled - tensors["output.pooler_output"]).abs().max() < 1e-6
    (pooled * tensors["input.cotangent"]).sum().backward()
    places = _places(model, names)
    assert {f"grad.{theirs}" for theirs in places} == {key for key in tensors if key.startswith("grad.")}
    for theirs, (parameter, row) in places.items():
        assert parameter.grad is not None
        expected = tensors[f"grad.{theirs}"]
        found = (parameter.grad if row is None else parameter.grad[row]).view_as(expected)
        assert (found - expected).norm() < 1e-5 * expected.norm(), theirs


def test_penalty_is_the_published_one() -> None:
    # The other files cannot be compared: the published code leaves terms out or weighs them differently there.
    path = next(path for path in GOLDEN if path.stem == "three_adapters_whole")
    model, tensors, names = _model(path)
    expected = tensors["output.ortho_loss"].item()
    assert model.penalty(names[-1], "expansion").item() == pytest.approx(expected, rel=1e-5)


def test_all_four_files_are_there() -> None:
    assert len(GOLDEN) == 4
