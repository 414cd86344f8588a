"""What adapters cost on a device: updates with 1, 4 and 16 adapters against the bare frozen backbone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.learners.base import Stage
from atlas.learners.continual_model import ContinualModel
from atlas.learners.schedule import Precision, Schedule
from atlas.learners.task_data import TaskData
from atlas.learners.two_stage import Expansion
from benchmarks.gpus.checkpoints import Size, prepared_task, write
from benchmarks.gpus.timing import Pace, freed, held, pace

RANK = 48


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: a model with so many adapters, 0 for the bare backbone; with the loader or without."""

    model: str
    adapters: int
    loader: bool
    pace: Pace
    against_bare: float


def expansion(size: Size, precision: Precision) -> Expansion:
    """The second stage of the method, in its batch size."""
    return Expansion(schedule=Schedule(batch_size=size.batch, precision=precision), rank=RANK)


@dataclass(frozen=True, kw_only=True)
class Bare(Stage):
    """A head on the bare backbone, whose backward pass reaches as far down as it does with adapters."""

    kind: ClassVar[str] = "bare"

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_head(task)
        for site in first_sites(model.backbone):
            site.register_forward_hook(_needs_gradient)


def _needs_gradient(module: nn.Module, args: object, out: Tensor) -> Tensor:
    return out.detach().requires_grad_()


def first_sites(backbone: Backbone) -> list[nn.Module]:
    """The lowest site of each tower."""
    found = []
    for tower in backbone.towers.values():
        found.append(next(module for name, module in backbone.model.named_modules() if tower.has_site(name)))
    return found


def stacked(backbone: Backbone, data: TaskData, stage: Stage, count: int) -> tuple[ContinualModel, TaskData]:
    """A model with `count` adapters of which the newest is trained by `stage`, and the task under its name."""
    names = [f"{data.name}-{number}" for number in range(max(1, count))]
    model = ContinualModel(backbone, {name: replace(data.form, task=name) for name in names})
    for number, name in enumerate(names):
        stage.begin(model, name, torch.Generator().manual_seed(number))
    return model.to(next(backbone.parameters()).device), replace(data, name=names[-1])


def rows(
    sizes: Sequence[Size],
    counts: Sequence[int],
    device: torch.device,
    root: Path,
    *,
    precision: Precision,
    seconds: float,
    records: int = 512,
) -> Iterator[Row]:
    """The rows of all sizes, as they are measured: the bare backbone first, and the loader with the last count."""
    for size in sizes:
        folder = write(size, root / size.name.replace(" ", "-").replace("/", "-"))
        data = prepared_task(folder, root / "data", records=max(records, size.batch))
        bare = 0.0
        for count in (0, *counts):
            stage: Stage = expansion(size, precision)
            stage = Bare(schedule=stage.schedule) if count == 0 else stage
            with freed(device):
                model, task = stacked(load(folder).to(device), data, stage, count)
                found = pace(model, stage, held(task, size.batch, device), device, seconds=seconds)
                bare = bare or found.milliseconds
                yield Row(
                    model=size.name, adapters=count, loader=False, pace=found, against_bare=found.milliseconds / bare
                )
                if count == counts[len(counts) // 2]:
                    found = pace(model, stage, task, device, seconds=seconds)
                    against = found.milliseconds / bare
                    yield Row(model=size.name, adapters=count, loader=True, pace=found, against_bare=against)
                del model
