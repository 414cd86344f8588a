"""Evaluation: the mean target value of the predicted answers."""

from __future__ import annotations

import torch

from atlas.data.loader import permutation
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.schedule import Precision
from atlas.learners.scores import SCORES
from atlas.learners.task_data import TaskData
from atlas.runtime.text import counted

EVALUATION_BATCH = 256


def score(
    model: ContinualModel,
    data: TaskData,
    split: str,
    *,
    limit: int | None,
    group: ProcessGroup,
    precision: Precision = "float32",
) -> float:
    """The task's score on a split, in percent: the mean target value of the predicted answers.

    `limit` scores a sample of so many records that depends on the task's data alone, the same for all steps;
    `precision` is that in which the model was trained.

    Raises:
        Diverged: logits of a record are not finite, so that no answer is predicted.
    """
    part = data.splits[split]
    chosen = permutation(len(part), seed=0, epoch=0)[:limit].sort().values
    sums = torch.zeros(3, dtype=torch.float64, device=group.device)
    with torch.no_grad(), autocast(group.device, precision):
        for indices in group.shard(chosen).split(EVALUATION_BATCH):
            batch = part.batch(indices).to(group.device)
            logits = model(batch, data.name)
            sums[0] += SCORES[data.scoring].values(logits.argmax(dim=1), batch.targets).sum()
            sums[1] += len(indices)
            sums[2] += (~logits.isfinite()).any(dim=1).sum()
    total = group.all_reduce(sums)
    if total[2]:
        raise Diverged(
            f"the logits of {counted(int(total[2]), f'{split} record')} of {data.name} are not finite; {REMEDY}"
        )
    return 100.0 * float(total[0] / total[1])
