"""A router over adapters: each record is answered by those of the task whose training records it is most like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts.routed import RoutedReadout

ROUNDS = 20  # of k-means


class AdapterRouter:
    """Chooses a task's adapters for each record: argmax_t max_k cos(q, c_tk), q the frozen backbone's output for it.

    The candidates are the tasks that have adapters and prototypes c_t, by name, so that their order has no effect.
    """

    def __init__(self, model: ContinualModel) -> None:
        self.model = model
        self.prototypes = {
            task: readout.prototypes
            for task in sorted(model.order)
            if isinstance(readout := model.readout(task), RoutedReadout) and readout.is_known
        }

    def choose(self, batch: Batch) -> Tensor:
        """The place of a task among those of `prototypes` for each record, long [B]."""
        if len(self.prototypes) < 2:
            return torch.zeros(len(batch), dtype=torch.long, device=batch.pixels.device)
        found = queries(self.model, batch)
        likeness = [(found @ one.T).amax(1) for one in self.prototypes.values()]
        return torch.stack(likeness, 1).argmax(1)

    def answer(self, batch: Batch, task: str, by: Callable[[str, Batch], Tensor]) -> Tensor:
        """Rows [B, …]: those that `by` gives for the records of each task's adapters, which are active then.

        by: (the task whose adapters they are, its records) -> a row a record. task: that of the batch.
        """
        parts, numbers = list[Tensor](), list[Tensor]()
        for chosen, rows in self._shares(self.choose(self.model.given(batch, task))):
            self.model.activate(chosen)
            parts.append(by(chosen, batch.at(rows)))
            numbers.append(rows)
        self.model.activate(self.model.order[-1])
        return torch.cat(parts)[torch.cat(numbers).argsort()]

    def _shares(self, chosen: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The chosen tasks, each with the numbers of its records."""
        for place, task in enumerate(self.prototypes):
            rows = (chosen == place).nonzero()[:, 0]
            if len(rows):
                yield task, rows


def router_of(model: ContinualModel) -> AdapterRouter | None:
    """The router of a model whose adapters are chosen by record; None of any other, or where the task is told."""
    if model.told:
        return None
    router = AdapterRouter(model) if model.order else None
    return router if router and router.prototypes else None


def queries(model: ContinualModel, batch: Batch) -> Tensor:
    """The frozen backbone's outputs of length 1 for records' first own texts, the mean over their images: [B, D]."""
    with torch.no_grad(), without_adapters(model):
        pooled = model.backbone(batch.pixels, batch.tokens[:, :1], batch.mask[:, :1])
    with torch.autocast(pooled.device.type, enabled=False):
        return nn.functional.normalize(pooled[:, 0].float().unflatten(-1, (-1, model.backbone.width)).mean(1), dim=-1)


def routed_logits(model: ContinualModel, batch: Batch, task: str) -> Tensor:
    """Logits for `task` [B, answers], by the adapters that a router chooses, where a model has one, or the active."""
    router = router_of(model)
    if router is None:
        found: Tensor = model(batch, task)
        return found
    return router.answer(batch, task, lambda _, part: model(part, task))


@contextmanager
def without_adapters(model: ContinualModel) -> Iterator[None]:
    """Context in which the backbone computes as if it had no adapters."""
    layers = list(model.adapters.sites().values()) if model.order else []
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def centroids(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` unit centres [K, D] of unit rows [N, D], by spherical k-means from rows drawn apart (k-means++).

    Of fewer different rows than that some centres are the same.
    """
    rows = rows.double()
    centres = rows[torch.randint(len(rows), (1,), generator=generator)]
    for _ in range(1, count):
        far = (1 - (rows @ centres.T).amax(1)).clamp_min(0)
        weights = far if far.sum() > 0 else torch.ones_like(far)
        centres = torch.cat([centres, rows[torch.multinomial(weights, 1, generator=generator)]])
    for _ in range(ROUNDS):
        nearest = nn.functional.one_hot((rows @ centres.T).argmax(1), count).double()
        means = nn.functional.normalize(nearest.T @ rows, dim=-1)
        centres = torch.where(nearest.sum(0)[:, None] > 0, means, centres)
    return centres.float()
