"""The one optimisation loop: AdamW with warm-up and decay, over the batches that a seed decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from atlas.data.loader import Batch, Split, permutation
from atlas.learners.base import Stage
from atlas.learners.group import Group
from atlas.learners.patience import Patience
from atlas.learners.recall import Draw, Recall
from atlas.learners.schedule import Schedule
from atlas.learners.stack import Stack
from atlas.learners.waypoint import NOWHERE, Waypoints, capture, resume
from atlas.runtime.errors import AtlasError

EVALUATION_BATCH = 256


class Diverged(AtlasError):
    """The loss is not a number any more; what was learnt in this step is thrown away."""


@dataclass(frozen=True, kw_only=True)
class TaskData:
    """One task's memory-mapped splits and what its card says of score, logits and pictures."""

    name: str
    score: str
    outputs: int
    images: int
    splits: dict[str, Split]


@dataclass
class Curve:
    """How a stage was learnt: (update, loss) of the logged updates, the validations on the way, the records learnt."""

    patience: Patience
    losses: list[tuple[int, float]] = field(default_factory=list)
    updates: int = 0
    records: int = 0


class Objective(nn.Module):
    """Task loss, the loss of what is rehearsed, and the penalties, as one module, so that DDP sees one forward."""

    def __init__(self, stack: Stack, stage: Stage, data: TaskData, recall: Recall) -> None:
        super().__init__()
        self.stack, self.stage, self.data, self.recall = stack, stage, data, recall

    def forward(self, batch: Batch, rehearsed: Sequence[tuple[Draw, Batch]] = ()) -> Tensor:
        """The scalar loss of a batch, averaged over its records, and of the rehearsed ones beside it."""
        pooled = self.stack.pool(batch)
        loss = task_loss(self.stack.logits(pooled, self.data.name), batch.targets, self.data.score)
        for draw, other in rehearsed:
            logits = self.stack(other, draw.data.name)
            loss = loss + draw.weight * task_loss(logits, other.targets, draw.data.score)
        for penalty in (self.stage.penalty(self.stack, self.data.name), self.recall.penalty(batch, pooled)):
            loss = loss if penalty is None else loss + penalty
        return loss


def task_loss(logits: Tensor, targets: Tensor, score: str) -> Tensor:
    """Cross-entropy of [B, classes] with [B]; for soft scores binary cross-entropy with [B, classes], × classes."""
    if score == "soft":
        return nn.functional.binary_cross_entropy_with_logits(logits, targets) * logits.shape[1]
    return nn.functional.cross_entropy(logits, targets)


class Trainer:
    """One stage's module, optimiser, rate and loss scaling, advanced an update at a time."""

    def __init__(
        self, stack: Stack, stage: Stage, data: TaskData, group: Group, updates: int, *, recall: Recall | None = None
    ) -> None:
        self.stack, self.schedule, self.data, self.group = stack, stage.schedule, data, group
        self.recall = recall or Recall()
        self.objective = group.wrap(Objective(stack, stage, data, self.recall), partly=self.recall.partly)
        self.optimizer = _optimizer(stack, self.schedule)
        self.scheduler = LambdaLR(self.optimizer, lambda update: self.schedule.rate(update, updates))
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=self.schedule.precision == "float16")
        self.records = 0

    def update(self, indices: Tensor) -> Tensor:
        """One update on the global batch `indices` [N]; gives this process's loss (a scalar)."""
        loss = self._backward(indices, self.recall.rehearse())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.scheduler.step()
        return loss

    def rehearse_as_before(self, indices: Iterable[Tensor]) -> None:
        """Draw what the updates on these batches [N] drew, so that the next draw is the next update's.

        In a group the first of them is computed again, and thrown away: DDP lays its buckets anew after its first
        backward pass, and the order in which it adds up gradients depends on them.
        """
        for number, batch in enumerate(indices):
            draws = self.recall.rehearse()
            if number == 0 and self.group.size > 1:
                self._backward(batch, draws)
                self.optimizer.zero_grad(set_to_none=True)

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that are trained, by name."""
        return [(name, value) for name, value in self.stack.named_parameters() if value.requires_grad]

    def _backward(self, indices: Tensor, draws: Sequence[Draw]) -> Tensor:
        count = self.schedule.accumulate
        rehearsed = [[(draw, part) for part in draw.indices.chunk(count)] for draw in draws]
        loss = torch.zeros((), device=self.group.device)
        for number, part in enumerate(indices.chunk(count)):
            batch = self._batch(self.data, part)
            others = [(draw, self._batch(draw.data, part)) for draw, part in (parts[number] for parts in rehearsed)]
            apart = self.group.without_sync(self.objective) if number < count - 1 else nullcontext()
            with apart:
                with self._autocast():
                    share = self.objective(batch, others) / count
                self.scaler.scale(share).backward()
            loss += share.detach().float()
        self.records += len(indices) + sum(len(draw.indices) for draw in draws)
        return loss

    def _batch(self, data: TaskData, indices: Tensor) -> Batch:
        """This process's share of the training records `indices`."""
        return data.splits["train"].batch(self.group.share(indices)).to(self.group.device)

    def _autocast(self) -> torch.autocast:
        dtype = getattr(torch, self.schedule.precision)
        return torch.autocast(self.group.device.type, dtype=dtype, enabled=dtype is not torch.float32)


def fit(
    stack: Stack,
    stage: Stage,
    data: TaskData,
    *,
    seed: int,
    group: Group,
    limit: int | None = None,
    records: Tensor | None = None,
    on_update: Callable[[int, int], None] = lambda update, updates: None,
    recall: Recall | None = None,
    waypoints: Waypoints = NOWHERE,
) -> Curve:
    """Train what `stack` has marked as trainable, by the stage's schedule, on the task's `train` split.

    `seed` decides the order of the records; `limit` is how many validation records decide an early stop. `records`
    are the numbers of the training records to learn from, long [n]; None for all. `recall` is what the stage remembers
    of the past (nothing). Where `waypoints` hold one, the stage goes on from there, with the same result.

    Raises:
        Diverged: the loss became NaN or infinite.
        AtlasError: the group cannot share a batch equally.
    """
    schedule, recall = stage.schedule, recall or Recall()
    chosen = torch.arange(len(data.splits["train"])) if records is None else records
    schedule.check_shared_by(group.size)
    updates = schedule.updates(max(len(chosen), *(len(one.splits["train"]) for one in recall.judged), 0))
    curve = Curve(Patience(stack, schedule, partial(_validate, stack, (data, *recall.judged), limit, group)))
    if updates == 0:
        return curve
    trainer = Trainer(stack, stage, data, group, updates, recall=recall)
    stream = (chosen[indices] for indices in batches(len(chosen), schedule.batch_size, updates, seed))
    if _learnt_before(trainer, curve, stream, waypoints):
        on_update(curve.updates, updates)
    for update, indices in enumerate(stream, start=curve.updates + 1):
        _note(curve, trainer, trainer.update(indices), of=updates)
        on_update(update, updates)
        if curve.patience.over(update):
            break
        if waypoints.due(update):
            waypoints.save(capture(trainer, curve))
    curve.patience.restore_best()
    return curve


def _learnt_before(trainer: Trainer, curve: Curve, stream: Iterator[Tensor], waypoints: Waypoints) -> bool:
    """Go to the newest waypoint, past the batches of `stream` that were learnt; False where there is none."""
    waypoint = waypoints.load()
    if waypoint is None:
        return False
    trainer.rehearse_as_before(islice(stream, waypoint.facts["updates"]))
    resume(trainer, curve, waypoint)
    return True


def _note(curve: Curve, trainer: Trainer, loss: Tensor, *, of: int) -> None:
    """One more update of so many, with its loss where that is logged. Raises Diverged."""
    update = curve.updates + 1
    if update % max(1, of // 50) == 0 or update in (1, of):
        curve.losses.append((update, _checked(loss, trainer.group, update)))
    curve.updates, curve.records = update, trainer.records


def score(stack: Stack, data: TaskData, split: str, *, limit: int | None, group: Group) -> float:
    """The task's score on a split, in percent: the mean target value of the answers given.

    `limit` scores a draw of so many records that depends on the task's data alone, the same for all steps.
    """
    part = data.splits[split]
    chosen = permutation(len(part), seed=0, epoch=0)[:limit].sort().values
    right = torch.zeros(2, dtype=torch.float64, device=group.device)
    with torch.no_grad():
        for indices in group.share(chosen).split(EVALUATION_BATCH):
            batch = part.batch(indices).to(group.device)
            answers = stack(batch, data.name).argmax(dim=1)
            right[0] += _worth(answers, batch.targets).sum()
            right[1] += len(indices)
    total = group.total(right)
    return 100.0 * float(total[0] / total[1])


def _validate(stack: Stack, judged: Sequence[TaskData], limit: int | None, group: Group) -> float:
    """The mean score of the tasks on their validation splits, in percent."""
    return sum(score(stack, data, "val", limit=limit, group=group) for data in judged) / len(judged)


def batches(records: int, size: int, updates: int, seed: int) -> Iterator[Tensor]:
    """`updates` batches of exactly `size` indices, through one seeded shuffle of the records after another."""
    left, epoch = torch.empty(0, dtype=torch.long), 0
    for _ in range(updates):
        while len(left) < size:
            left = torch.cat([left, permutation(records, seed=seed, epoch=epoch)])
            epoch += 1
        yield left[:size]
        left = left[size:]


def _worth(answers: Tensor, targets: Tensor) -> Tensor:
    if targets.ndim == 2:
        return targets.gather(1, answers[:, None])[:, 0].double()
    return (answers == targets).double()


def _checked(loss: Tensor, group: Group, update: int) -> float:
    value = float(group.total(loss.clone())) / group.size
    if not math.isfinite(value):
        raise Diverged(f"the loss became {value} at update {update}; lower the learning rate, or try float32.")
    return value


def _optimizer(stack: Stack, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW: no decay on biases and LayerNorm weights, the queries at `query_rate_factor` times the rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in stack.named_parameters():
        if parameter.requires_grad:
            factor = schedule.query_rate_factor if "atlas_query" in name else 1.0
            decay = 0.0 if parameter.ndim == 1 else schedule.weight_decay
            groups.setdefault((factor, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "lr": schedule.learning_rate * factor, "weight_decay": decay}
            for (factor, decay), parameters in groups.items()
        ],
        betas=(schedule.beta1, schedule.beta2),
        eps=schedule.epsilon,
    )
