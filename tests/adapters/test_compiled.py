"""The compiled form of the fusion: the numbers of `fused`, and what happens where the compiler fails."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.adapters.compiled import CompiledSites
from atlas.adapters.config import AtlasConfig
from atlas.adapters.fused import fused
from atlas.adapters.layer import AtlasLayer

WIDTH = 12


class Sites(nn.Module):
    """Two sites, one after the other, with two bottleneck adapters of which the second is trained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        first = AtlasConfig(r=3, heads=2, init_scale=0.3)
        second = AtlasConfig(r=3, heads=2, init_scale=0.3, experience=["first"])
        self.layers = nn.ModuleList(AtlasLayer(nn.Linear(WIDTH, WIDTH), "first", first, f"{n}") for n in range(2))
        for layer in self.layers:
            layer.requires_grad_(False)
            layer.update_layer("second", second)
            layer.set_adapter("second")

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def gradients(self, x: Tensor) -> dict[str, Tensor]:
        """The loss, and its gradient by each parameter that has one."""
        self.zero_grad()
        loss = self(x).square().mean()
        loss.backward()
        found = {name: value.grad for name, value in self.named_parameters() if value.grad is not None}
        return {"loss": loss.detach(), **found}


@pytest.fixture
def sites() -> Sites:
    return Sites()


X = torch.randn(5, 4, WIDTH, generator=torch.Generator().manual_seed(1))


def equal(found: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return found.keys() == other.keys() and all(torch.equal(found[name], other[name]) for name in other)


def test_what_is_traced_is_the_fused_form_to_the_bit(sites: Sites) -> None:
    traced: list[int] = []

    def compile_nothing(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        traced.append(len(inputs))
        return graph.forward

    expected = sites.gradients(X)
    assert any(name.endswith("atlas_up.second") for name in expected)
    for _ in range(2):
        with CompiledSites(sites, compile_nothing).open():
            assert equal(sites.gradients(X), expected)
    assert len(traced) == 2  # the first site, whose input needs no gradient, and the second: once for all updates
    assert all(layer.fuse is fused for layer in sites.layers)


def test_a_compiler_that_fails_is_told_once_and_computed_without(
    sites: Sites, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        raise RuntimeError("no such compiler")

    expected, compiled = sites.gradients(X), CompiledSites(sites, fail)
    for _ in range(2):
        with compiled.open():
            assert equal(sites.gradients(X), expected)
    assert len([one for one in caplog.records if "no such compiler" in one.getMessage()]) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compiles for a GPU")
def test_on_a_gpu_the_compiled_form_is_the_fused_one_up_to_rounding(sites: Sites) -> None:
    sites.cuda()
    expected = sites.gradients(X.cuda())
    with CompiledSites(sites).open():
        found = sites.gradients(X.cuda())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
