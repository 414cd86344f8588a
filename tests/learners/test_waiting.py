"""A pass over a batch never asks the device for a value, in any family: a GPU would be waited for, and none recorded.

Shown on PyTorch's device without values, `meta`, where to ask for one is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from atlas.learners.continual_model import ContinualModel
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from atlas.steps.train import WorkerContext
from atlas.tasks import find_task
from tests.backbones.dual.checkpoints import CHECKPOINTS as DUAL
from tests.backbones.generative.checkpoints import CHECKPOINTS as GENERATIVE
from tests.small import atlas, make_world, write_small_vilt

aten = torch.ops.aten
META = torch.device("meta")
TASK = "digits"
BOTH = "head, adapters in both towers"
FAMILIES: dict[str, tuple[Callable[[Path], Path], Sequence[str]]] = {
    "vilt": (write_small_vilt, ["head"]),
    **{name: (write, ["head", "similarity"]) for name, write in DUAL.items()},
    **{name: (write, ["head", "likelihood", BOTH]) for name, write in GENERATIVE.items()},
}


# their kernels of a GPU count what is true in a mask, and wait for it; `meta` has forms of them that do not
WAITS = (aten.masked_scatter_backward.default, aten.masked_select.default, aten.nonzero.default)


class OneDevice(TorchDispatchMode):
    """Refuses what waits, and what reads a tensor of the CPU, or makes one: on a GPU a copy that is waited for."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        assert func not in WAITS, func
        out = func(*args, **(kwargs or {}))
        devices = {one.device for one in tree_leaves((args, kwargs or {}, out)) if isinstance(one, Tensor)}
        assert devices <= {META}, f"{func} on {devices}"
        return out


@pytest.fixture
def meta_as_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast, which knows no `meta`, is asked for the CPU's in its place."""
    autocast, enabled = torch.autocast, torch.is_autocast_enabled
    monkeypatch.setattr(torch, "autocast", lambda device, *args, **kw: autocast(known(device), *args, **kw))
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device="cpu": enabled(known(device)))


def known(device: str) -> str:
    return "cpu" if device == "meta" else device


def passes(context: WorkerContext, readout: str) -> Iterator[str]:
    """A pass of each stage of two tasks, on the device without values; gives the stages' kinds."""
    readout, towers = ("head", tuple(context.backbone.towers)) if readout == BOTH else (readout, ())
    learner = atlas().with_readout(readout).with_towers(towers)
    tasks = [replace(context.data[TASK], name=name) for name in ("first", "second")]
    model = ContinualModel(context.backbone, {one.name: replace(one.form, task=one.name) for one in tasks})
    model.new_readout, model.towers = readout, learner.towers
    for position, data in enumerate(tasks):
        for stage in learner.stages(position):
            stage.begin(model, data.name, torch.Generator().manual_seed(0))
            trainer = Trainer(model.to(META), stage, data, ProcessGroup(device=META), 2)
            batch = trainer.read(torch.arange(8))[1].to(META)
            with OneDevice():
                trainer._pass(batch)
            yield stage.kind


@pytest.mark.usefixtures("meta_as_gpu")
@pytest.mark.parametrize(("family", "readout"), [(name, one) for name, (_, ways) in FAMILIES.items() for one in ways])
def test_a_pass_asks_the_device_for_nothing(family: str, readout: str, tmp_path: Path) -> None:
    (folder := tmp_path / family).mkdir()
    world = make_world(FAMILIES[family][0](folder), tmp_path, [find_task(TASK)], {"train": 8, "val": 8, "test": 8})
    assert list(passes(world.worker_context, readout)) == ["expansion", "experience", "expansion"]
