"""Compiled layers: the numbers of the compact form, one compilation for all, and a compiler that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.adapters.compact import compact
from atlas.adapters.config import AtlasConfig
from atlas.adapters.fused import fused
from atlas.adapters.layer import AtlasLayer
from atlas.backbones import load
from atlas.backbones.compiled import Backend, CompiledLayers
from atlas.learners.process_group import ProcessGroup
from atlas.learners.task_data import TaskData
from atlas.learners.trainer import Trainer
from benchmarks.gpus.checkpoints import Size, clip, llava, prepared_task, vilt, write
from benchmarks.gpus.steps import expansion, stacked

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


def test_what_is_traced_is_the_compact_form_to_the_bit(sites: Sites) -> None:
    traced: list[int] = []

    def compile_nothing(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        traced.append(len(inputs))
        return graph.forward

    for layer in sites.layers:
        layer.fuse = compact
    expected = sites.gradients(X)
    assert any(name.endswith("atlas_up.second") for name in expected)
    for _ in range(2):
        with CompiledLayers(sites, compile_nothing).open():
            assert equal(sites.gradients(X), expected)
    assert len(traced) == 2  # the first site, whose input needs no gradient, and the second: once for all updates
    assert all(layer.fuse is fused for layer in sites.layers)


def test_a_compiler_that_fails_is_told_once_and_computed_without(
    sites: Sites, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        raise RuntimeError("no such compiler")

    expected, compiled = sites.gradients(X), CompiledLayers(sites, fail)
    for _ in range(2):
        with compiled.open():
            assert equal(sites.gradients(X), expected)
    assert len([one for one in caplog.records if "no such compiler" in one.getMessage()]) == 1


DEPTH = 3
FAMILIES = {
    "vilt": (lambda: vilt(DEPTH, 32, 4, image=32), 2),
    "clip": (lambda: clip(DEPTH, 64, 64, image=32), 4),
    "llava": (lambda: llava(DEPTH, 64, 64, vocabulary=0, image=32), 2),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_one_compilation_serves_all_layers_of_a_tower(family: str, tmp_path: Path) -> None:
    """But for the first, whose input needs no gradient; with the numbers of an update that is not compiled."""
    build, expected = FAMILIES[family]
    size = Size(name=family, build=build, batch=2)
    folder = write(size, tmp_path / "backbone")
    data = prepared_task(folder, tmp_path / "data", records=size.batch)
    adapted: list[int] = []

    def compile_nothing(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        if len(graph.graph.nodes) > 100:  # of a layer with adapters
            adapted.append(len(inputs))
        return graph.forward

    losses = [updates(folder, data, size, backend) for backend in (None, compile_nothing)]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-5)
    assert len(adapted) == expected


def test_checkpointed_layers_are_compiled_when_they_are_computed_again(tmp_path: Path) -> None:
    size = Size(name="llava", build=FAMILIES["llava"][0], batch=2)
    folder = write(size, tmp_path / "backbone")
    data = prepared_task(folder, tmp_path / "data", records=size.batch)
    kept, again = (updates(folder, data, size, "aot_eager", checkpoints=one) for one in (False, True))
    torch.testing.assert_close(again, kept, rtol=1e-5, atol=1e-5)


def updates(folder: Path, data: TaskData, size: Size, backend: Backend | None, *, checkpoints: bool = False) -> Tensor:
    """The losses of three updates of the second of two adapters."""
    stage, backbone = expansion(size, "float32"), load(folder)
    if checkpoints:
        backbone.checkpoint_gradients()
    model, task = stacked(backbone, data, stage, 2)
    trainer = Trainer(model, stage, task, ProcessGroup(device=torch.device("cpu")), 3)
    trainer.layers = None if backend is None else CompiledLayers(model, backend)
    return torch.stack([trainer.update(torch.arange(size.batch)) for _ in range(3)])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compiles for a GPU")
def test_on_a_gpu_the_compiled_form_is_the_fused_one_up_to_rounding(sites: Sites) -> None:
    sites.cuda()
    expected = sites.gradients(X.cuda())
    with CompiledLayers(sites).open():
        found = sites.gradients(X.cuda())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
