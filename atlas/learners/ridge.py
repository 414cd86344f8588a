"""The statistics of a ridge regression: added up over records, tasks and workers, and solved in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from atlas.data.loader import Batch
from atlas.learners.continual_model import ContinualModel
from atlas.learners.evaluation_records import EVALUATION_BATCH
from atlas.learners.out_of_memory import InParts
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.ridge import Ridge
from atlas.learners.schedule import Precision
from atlas.learners.task_data import TaskData

FILE = "regression.safetensors"


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a ridge regression needs of a task's records: gram = φᵀφ [H, H] and cross = φᵀY [H, K], in float64."""

    gram: Tensor
    cross: Tensor

    @classmethod
    def of(cls, features: Tensor, targets: Tensor) -> Statistics:
        """Of records with φ [N, H] and Y [N, K]."""
        features = features.double()
        return cls(gram=features.T @ features, cross=features.T @ targets.double())

    def __add__(self, other: Statistics) -> Statistics:
        """Those of the records of both, which have the same answers."""
        return Statistics(gram=self.gram + other.gram, cross=self.cross + other.cross)

    def over(self, group: ProcessGroup) -> Statistics:
        """The sum over the processes of a group. Collective."""
        return Statistics(gram=group.all_reduce(self.gram), cross=group.all_reduce(self.cross))

    def save(self, folder: Path) -> None:
        """Write `regression.safetensors`: of the symmetric gram the lower triangle."""
        rows = torch.tril_indices(*self.gram.shape)
        save_file({"gram": self.gram.cpu()[rows[0], rows[1]], "cross": self.cross.cpu().contiguous()}, folder / FILE)

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Statistics:
        """The inverse of `save`."""
        found = load_file(folder / FILE)
        size = len(found["cross"])
        rows = torch.tril_indices(size, size)
        gram = found["gram"].new_zeros(size, size)
        gram[rows[0], rows[1]] = found["gram"]
        gram = gram + gram.tril(-1).T
        return cls(gram=gram.to(device), cross=found["cross"].to(device))


def solve(tasks: Iterable[tuple[str, Statistics]], ridge: float) -> dict[str, Tensor]:
    """For each task its W = (Σ_k gram_k + λ I)⁻¹ cross [H, K], all of them regressed at once.

    The sum is in the order of the tasks given, so that it is the same to the bit where that is. No more than one
    task's statistics are held beside the sum.
    """
    gram, crosses = torch.zeros(()), dict[str, Tensor]()
    for name, one in tasks:
        gram = gram.add_(one.gram) if crosses else one.gram.clone()
        crosses[name] = one.cross
    gram.diagonal().add_(ridge)
    factor = torch.linalg.cholesky(gram)
    return {name: torch.cholesky_solve(cross, factor) for name, cross in crosses.items()}


def task_statistics(
    model: ContinualModel, data: TaskData, group: ProcessGroup, precision: Precision = "float32"
) -> Statistics:
    """The statistics of a task's training records, by its readout's φ. Collective."""
    train, readout = data.splits["train"], _ridge(model, data.name)
    features_of = InParts(lambda part: readout.own_features(model.backbone, model.given(part, data.name)), torch.cat)
    numbers = group.shard(torch.arange(len(train)))
    hidden = readout.made_of.hidden
    found = Statistics(
        gram=torch.zeros(hidden, hidden, dtype=torch.float64, device=group.device),
        cross=torch.zeros(hidden, readout.outputs, dtype=torch.float64, device=group.device),
    )
    with torch.no_grad(), autocast(group.device, precision):
        for indices in numbers.split(EVALUATION_BATCH) if len(numbers) else ():
            batch = train.batch(indices).to(group.device)
            found = found + Statistics.of(features_of(batch).flatten(0, 1), rows_of(batch, readout.outputs))
    return found.over(group)


def rows_of(batch: Batch, outputs: int) -> Tensor:
    """Y of a batch: soft scores [B, K], classes as one-hot [B, K], or 1 for the right one of all texts [B · C, 1]."""
    if batch.targets.ndim == 2:
        return batch.targets
    if outputs > 1:
        return torch.nn.functional.one_hot(batch.targets, outputs)
    return torch.nn.functional.one_hot(batch.targets, batch.tokens.shape[1]).flatten()[:, None]


def set_weights(model: ContinualModel, weights: Mapping[str, Tensor]) -> None:
    """Give the tasks' readouts their W."""
    with torch.no_grad():
        for task, weight in weights.items():
            _ridge(model, task).weight.copy_(weight)


def _ridge(model: ContinualModel, task: str) -> Ridge:
    found = model.readout(task)
    assert isinstance(found, Ridge)
    return found
