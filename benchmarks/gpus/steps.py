"""What adapters cost on a device: updates with 1, 4 and 16 adapters against the bare frozen backbone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.learners.base import Stage
from atlas.learners.compute import Compute
from atlas.learners.continual_model import ContinualModel
from atlas.learners.schedule import Precision, Schedule
from atlas.learners.task_data import TaskData
from atlas.learners.two_stage import Expansion
from benchmarks.gpus.checkpoints import Size, prepared_task, write
from benchmarks.gpus.timing import Pace, freed, held, pace

RANK = 48


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: a model with so many adapters, 0 for the bare backbone.

    loader: batches come from the loader, else one is held on the device. graphs: updates are recorded. compiled: the
    layers are. against_bare: the pace against the bare backbone's of the same `graphs`, as transformers has it.
    against_compiled: against that of the bare backbone with compiled layers; None where they are not.
    """

    model: str
    adapters: int
    loader: bool
    graphs: bool
    compiled: bool
    pace: Pace
    against_bare: float
    against_compiled: float | None = None


def expansion(size: Size, precision: Precision) -> Expansion:
    """The second stage of the method, in its batch size."""
    return Expansion(schedule=Schedule(batch_size=size.batch, precision=precision), rank=RANK)


@dataclass(frozen=True, kw_only=True)
class Bare(Stage):
    """A head on the bare backbone."""

    kind: ClassVar[str] = "bare"

    def begin(self, model: ContinualModel, task: str, generator: torch.Generator) -> None:
        model.ensure_head(task, generator)
        model.train_head(task)


@contextmanager
def as_deep(backbone: Backbone) -> Iterator[None]:
    """Context in which the backward pass of the bare backbone reaches as far down as it does with adapters."""
    handles = [site.register_forward_hook(_needs_gradient) for site in first_sites(backbone)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _needs_gradient(module: nn.Module, args: object, out: Tensor) -> Tensor:
    return out.detach().requires_grad_()


def first_sites(backbone: Backbone) -> list[nn.Module]:
    """The lowest site of each tower that has adapters by default."""
    found = []
    for tower in backbone.towers.values():
        if tower.default:
            found.append(next(module for name, module in backbone.model.named_modules() if tower.has_site(name)))
    return found


def stacked(backbone: Backbone, data: TaskData, stage: Stage, count: int) -> tuple[ContinualModel, TaskData]:
    """A model with `count` adapters of which the newest is trained by `stage`, and the task under its name."""
    names = [f"{data.name}-{number}" for number in range(max(1, count))]
    model = ContinualModel(backbone, {name: replace(data.form, task=name) for name in names})
    for number, name in enumerate(names):
        stage.begin(model, name, torch.Generator().manual_seed(number))
    return model.to(next(backbone.parameters()).device), replace(data, name=names[-1])


@dataclass(frozen=True, kw_only=True)
class Course:
    """The course of the measurements: on a device, in a precision, each for so many seconds."""

    device: torch.device
    precision: Precision
    seconds: float
    records: int
    loaders: int = 2

    def ways(self, *, often: bool) -> list[tuple[bool, Compute]]:
        """Whether batches come from the loader, and how is computed: updates are recorded where the device is a GPU.

        often: also with every kernel launched, with the layers compiled, and with the loader.
        """
        on_gpu = self.device.type == "cuda"
        recorded = Compute(graphs=on_gpu)
        if not often:
            return [(False, recorded)]
        launched = [(False, Compute())] if on_gpu else []
        compiled = [(False, replace(recorded, compile=True))] if on_gpu else []
        return [(False, recorded), *compiled, *launched, (True, replace(recorded, loaders=self.loaders))]


def rows(sizes: Sequence[Size], counts: Sequence[int], course: Course, root: Path) -> Iterator[Row]:
    """The rows of all sizes, as they are measured: the bare backbone first."""
    for size in sizes:
        folder = write(size, root / size.name.replace(" ", "-").replace("/", "-"))
        data = prepared_task(folder, root / "data", records=max(course.records, size.batch))
        backbone, bare = load(folder).to(course.device), dict[tuple[bool, bool], float]()
        for count in (0, *counts):
            for loader, compute in course.ways(often=count in (0, counts[len(counts) // 2])):
                with freed(course.device), as_deep(backbone) if count == 0 else nullcontext():
                    found = measured(backbone, data, size, count, course, loader=loader, compute=compute)
                if count == 0:
                    bare.setdefault((compute.graphs, compute.compile), found.milliseconds)
                yield Row(
                    model=size.name,
                    adapters=count,
                    loader=loader,
                    graphs=compute.graphs,
                    compiled=compute.compile,
                    pace=found,
                    against_bare=found.milliseconds / bare[compute.graphs, False],
                    against_compiled=found.milliseconds / bare[compute.graphs, True] if compute.compile else None,
                )


def measured(
    backbone: Backbone, data: TaskData, size: Size, count: int, course: Course, *, loader: bool, compute: Compute
) -> Pace:
    """The pace with so many adapters, on a backbone that is bare again afterwards."""
    stage: Stage = expansion(size, course.precision)
    stage = Bare(schedule=stage.schedule) if count == 0 else stage
    model, task = stacked(backbone, data, stage, count)
    given = task if loader else held(task, size.batch, course.device)
    try:
        return pace(model, stage, given, course.device, compute, seconds=course.seconds)
    finally:
        model.detach()
