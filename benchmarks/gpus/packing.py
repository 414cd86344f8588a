"""Several settings of one prefix in one forward pass against one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from atlas.adapters.layer import AtlasLayer
from atlas.backbones.backbone import Backbone
from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.precision import autocast
from atlas.learners.schedule import Precision
from atlas.learners.scores import SCORES
from atlas.learners.task_data import TaskData
from benchmarks.gpus.timing import WARM, wait

PAST = 2  # adapters that all settings build on


@dataclass(frozen=True, kw_only=True)
class Row:
    """Milliseconds of an update of every setting, and how far the gradients of both ways are apart (relative)."""

    model: str
    settings: int
    batch: int
    one_by_one: float
    packed: float
    apart: float


class Candidates:
    """K adapters on the same past, in one model: every site takes K batches as one, and each adapter its own part."""

    def __init__(self, backbone: Backbone, data: TaskData, count: int, rank: int, batch: Batch) -> None:
        past = [f"past-{number}" for number in range(PAST)]
        self.names = [f"setting-{number}" for number in range(count)]
        self.model = ContinualModel(backbone, {name: replace(data.form, task=name) for name in (*past, *self.names)})
        self.score, self.batch = SCORES[data.scoring], batch
        for number, name in enumerate((*past, *self.names)):
            generator = torch.Generator().manual_seed(number)
            self.model.add_adapter(name, generator, r=rank, experience=past[:number])
            self.model.ensure_head(name, generator)
        self.model.to(batch.pixels.device)
        self.trained: list[Tensor] = []
        for name in self.names:
            self.model.train_expansion(name)
            self.trained += [value for value in self.model.parameters() if value.requires_grad]
        for value in self.trained:
            value.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4)

    def one_by_one(self, precision: Precision) -> None:
        """The gradients of all settings, a forward and a backward pass for each."""
        for name in self.names:
            self.model.adapters.set_adapter(name)
            for value in self.trained:
                value.requires_grad_(True)
            with autocast(self.batch.pixels.device, precision):
                loss = self.score.loss(self.model(self.batch, name), self.batch.targets)
            loss.backward()

    def packed(self, precision: Precision) -> None:
        """The same gradients by one forward and one backward pass over K copies of the batch."""
        count = len(self.names)
        sites = list(self.model.adapters.sites().values())
        for site in sites:
            site.forward = lambda x, site=site: self._split(site, x)  # type: ignore[method-assign,misc]
        given = self.batch
        whole = replace(
            given,
            pixels=torch.cat([given.pixels] * count),
            tokens=torch.cat([given.tokens] * count),
            mask=torch.cat([given.mask] * count),
            targets=torch.cat([given.targets] * count),
        )
        try:
            with autocast(self.batch.pixels.device, precision):
                pooled = self.model.pool(whole, self.names[0]).chunk(count)
                logits = [self.model.logits(part, name) for part, name in zip(pooled, self.names, strict=True)]
                losses = [self.score.loss(one, self.batch.targets) for one in logits]
            torch.stack(losses).sum().backward()
        finally:
            for site in sites:
                del site.forward

    def _split(self, site: AtlasLayer, x: Tensor) -> Tensor:
        h, count = site.base_layer(x), len(self.names)
        parts = zip(self.names, x.chunk(count), h.chunk(count), strict=True)
        return torch.cat([site.fuse(given, out, *site.stack(name))[0].to(h.dtype) for name, given, out in parts])

    def update(self, way: Callable[[Precision], None], precision: Precision) -> None:
        """One update of every setting."""
        way(precision)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def gradients(self) -> Tensor:
        """All gradients, one after another, which are cleared."""
        found = torch.cat([value.grad.flatten() for value in self.trained if value.grad is not None])
        self.optimizer.zero_grad(set_to_none=True)
        return found


def row(
    backbone: Backbone,
    data: TaskData,
    name: str,
    *,
    settings: int,
    batch: int,
    rank: int,
    precision: Precision,
    repeats: int,
) -> Row:
    """The row of one backbone, batch and number of settings."""
    device = next(backbone.parameters()).device
    records = data.splits["train"].batch(torch.arange(batch)).to(device)
    candidates = Candidates(backbone, data, settings, rank, records)
    ways = (candidates.one_by_one, candidates.packed)
    gradients, times = [], []
    for way in ways:
        way(precision)
        gradients.append(candidates.gradients())
    for way in ways:
        times.append(_milliseconds(lambda way=way: candidates.update(way, precision), device, repeats))  # type: ignore[misc]
    apart = float((gradients[0] - gradients[1]).norm() / gradients[0].norm())
    candidates.model.detach()
    return Row(model=name, settings=settings, batch=batch, one_by_one=times[0], packed=times[1], apart=apart)


def _milliseconds(work: Callable[[], None], device: torch.device, repeats: int) -> float:
    for _ in range(WARM):
        work()
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    wait(device)
    return 1000 * (time.perf_counter() - began) / repeats
