"""Evaluation: the score of a task's predicted answers, by logits, as texts, or of captions that are ranked."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from atlas.data.loader import Batch, Split
from atlas.learners.adapter_router import routed_logits
from atlas.learners.continual_model import ContinualModel
from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.evaluation_records import read_batches, records_scored
from atlas.learners.out_of_memory import InParts
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.retrieval import retrieval_score
from atlas.learners.schedule import Precision
from atlas.learners.scores import SCORES, classes_of
from atlas.learners.task_data import TaskData
from atlas.runtime.text import counted
from atlas.tasks.scoring import TEXT_SCORES

Written = tuple[int, str, tuple[str, ...]]  # the number of a record, its predicted text, and its references


def score(
    model: ContinualModel,
    data: TaskData,
    split: str,
    *,
    limit: int | None,
    group: ProcessGroup,
    precision: Precision = "float32",
) -> float:
    """The task's score on a split, in percent.

    Of classes, the mean target value of the predicted answers. Of free texts, that of `TEXT_SCORES`, over the texts of
    all workers together: the same to the bit on any number of them.

    `limit` scores a sample of so many records that depends on the task's data alone, the same for all steps;
    `precision` is that in which the model was trained.

    Raises:
        Diverged: logits of a record are not finite, so that no answer is predicted.
    """
    part = data.splits[split]
    chosen = records_scored(part, limit)
    with torch.no_grad(), autocast(group.device, precision):
        if data.kind == "captions":
            return retrieval_score(model, data, split, limit=limit, group=group)
        if data.scoring in TEXT_SCORES:
            return _written_score(model, data, part, group.shard(chosen), group)
        total = group.all_reduce(_sums(model, data, part, group.shard(chosen), group))
    if total[2]:
        raise Diverged(
            f"the logits of {counted(int(total[2]), f'{split} record')} of {data.name} are not finite; {REMEDY}"
        )
    return 100.0 * float(total[0] / total[1])


def _sums(model: ContinualModel, data: TaskData, part: Split, indices: Tensor, group: ProcessGroup) -> Tensor:
    """Of these records: the sum of their values, their number, and how many have logits that are not finite [3]."""
    sums = torch.zeros(3, dtype=torch.float64, device=group.device)
    answers_of = _classes_written(model, data) if model.readout(data.name).writes else _likeliest(model, data)
    for numbers, batch in read_batches(part, indices, group):
        answers, unfit = answers_of(batch)
        sums[0] += SCORES[data.scoring].values(answers, batch.targets).sum()
        sums[1] += len(numbers)
        sums[2] += unfit
    return sums


def _likeliest(model: ContinualModel, data: TaskData) -> Callable[[Batch], tuple[Tensor, int | Tensor]]:
    """The function that gives the classes [B] of the greatest logits, and how many records have infinite ones."""
    logits_of = InParts(lambda part: routed_logits(model, part, data.name), torch.cat)

    def answers(batch: Batch) -> tuple[Tensor, int | Tensor]:
        logits = logits_of(batch)
        return logits.argmax(dim=1), (~logits.isfinite()).any(dim=1).sum()

    return answers


def _classes_written(model: ContinualModel, data: TaskData) -> Callable[[Batch], tuple[Tensor, int | Tensor]]:
    """The function that gives the classes [B] that a model writes; no record lacks its text."""
    write = _writer(model, data)
    return lambda batch: (classes_of(write(batch), data.answers).to(batch.targets.device), 0)


def _writer(model: ContinualModel, data: TaskData) -> Callable[[Batch], list[str]]:
    """The function that gives the texts of a batch, in as many parts as the memory needs."""
    return InParts(lambda part: model.write(part, data.name), lambda parts: [text for part in parts for text in part])


def _written_score(model: ContinualModel, data: TaskData, part: Split, indices: Tensor, group: ProcessGroup) -> float:
    """The score of texts: those of all workers are gathered, in the order of their records."""
    mine, write = list[Written](), _writer(model, data)
    for numbers, batch in read_batches(part, indices, group):
        assert batch.references is not None
        mine += zip(numbers.tolist(), write(batch), batch.references, strict=True)
    every = sorted((one for written in group.gather(mine) for one in written), key=lambda one: one[0])
    return TEXT_SCORES[data.scoring].score([text for _, text, _ in every], [right for *_, right in every])
