"""One site."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from atlas.adapters import AtlasConfig, AtlasLayer
from atlas.runtime.errors import AtlasError


def _layer(*configs: AtlasConfig) -> AtlasLayer:
    torch.manual_seed(0)
    layer = AtlasLayer(nn.Linear(6, 8), "task-0", configs[0])
    for i, config in enumerate(configs[1:], 1):
        layer.update_layer(f"task-{i}", config)
    layer.set_adapter(f"task-{len(configs) - 1}")
    return layer


def test_parameters_that_an_adapter_has_no_use_for_are_absent() -> None:
    first = AtlasConfig(r=3, heads=2)
    layer = _layer(first, AtlasConfig(kind="lora", r=2, heads=2, experience=["task-0"]))
    shapes = {role: tuple(value.shape) for role, value in layer.parameters_of("task-1").items()}
    assert "atlas_query_past" not in layer.parameters_of("task-0")
    assert shapes == {
        "atlas_query_past": (1, 1, 8),
        "atlas_down": (2, 6),
        "atlas_up": (8, 2),
        "atlas_key": (1, 8),
        "atlas_query_own": (1, 1, 8),
    }
    past_only = _layer(first, AtlasConfig(r=3, heads=2, experience=["task-0"], novel=False))
    assert list(past_only.parameters_of("task-1")) == ["atlas_query_past"]
    uniform = _layer(AtlasConfig(r=3, combination="uniform"))
    assert set(uniform.parameters_of("task-0")) == {"atlas_down", "atlas_down_bias", "atlas_up", "atlas_up_bias"}


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(AtlasError, match="heads is 3"):
        _layer(AtlasConfig(r=3, heads=3))


@pytest.mark.parametrize("shape", [(5, 6), (5, 4, 6), (5, 2, 3, 6)])
def test_inputs_of_any_number_of_dimensions_keep_their_shape(shape: tuple[int, ...]) -> None:
    layer = _layer(AtlasConfig(r=3, heads=2))
    assert layer(torch.randn(*shape)).shape == (*shape[:-1], 8)


def test_the_uniform_and_fixed_combinations_agree_where_they_must() -> None:
    x, outs = torch.randn(3, 4, 6), []
    for settings in ({"combination": "uniform"}, {"combination": "fixed", "weights": [0.5, 0.5]}):
        first = AtlasConfig(r=3, combination="uniform")
        outs.append(_layer(first, AtlasConfig(r=3, experience=["task-0"], **settings))(x))
    torch.testing.assert_close(*outs)


def test_disabled_adapters_give_the_base_output_and_keep_what_is_trainable() -> None:
    layer, x = _layer(AtlasConfig(r=3, heads=2)), torch.randn(2, 3, 6)
    layer.atlas_key["task-0"].requires_grad_(False)
    layer.enable_adapters(False)
    assert torch.equal(layer(x), layer.base_layer(x))
    layer.enable_adapters(True)
    assert not layer.atlas_key["task-0"].requires_grad
    assert layer.atlas_up["task-0"].requires_grad


def test_what_cannot_be_done_is_refused() -> None:
    layer = _layer(AtlasConfig(r=3, heads=2))
    with pytest.raises(AtlasError, match="cannot be merged"):
        layer.merge()
    with pytest.raises(AtlasError, match="cannot be merged"):
        layer.unmerge()
    with pytest.raises(AtlasError, match="adapter_names"):
        layer(torch.randn(2, 3, 6), adapter_names=["task-0", "task-0"])
