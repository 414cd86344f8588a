"""The trainer of one stage: objective, optimiser, learning rate, loss scaling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from atlas.backbones.compiled import CompiledLayers
from atlas.data.loader import Batch
from atlas.learners.base import Stage
from atlas.learners.continual_model import ContinualModel
from atlas.learners.early_stopping import EarlyStopping
from atlas.learners.hooks import ReplayBatch, StageHooks
from atlas.learners.out_of_memory import free_unused, is_out_of_memory
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.random_state import random_state, set_random_state
from atlas.learners.recorded import RecordedPass, is_recorded
from atlas.learners.schedule import Precision, Schedule
from atlas.learners.task_data import TaskData


@dataclass
class TrainingCurve:
    """The course of a stage: (update, loss) of the logged updates, its validations, the updates and records so far."""

    early_stopping: EarlyStopping
    losses: list[tuple[int, float]] = field(default_factory=list)
    updates: int = 0
    records: int = 0

    @property
    def last_loss(self) -> float | None:
        """The last logged loss; None before the first."""
        return self.losses[-1][1] if self.losses else None


class Objective(nn.Module):
    """Task loss, the loss of replayed records, and the penalties, as one module, so that DDP sees one forward."""

    def __init__(
        self, model: ContinualModel, stage: Stage, data: TaskData, hooks: StageHooks, group: ProcessGroup | None = None
    ) -> None:
        super().__init__()
        self.model, self.stage, self.data, self.hooks, self.group = model, stage, data, hooks, group

    def forward(self, batch: Batch, replayed: Sequence[tuple[ReplayBatch, Batch]] = ()) -> Tensor:
        """The scalar loss of a batch, averaged over its records, plus the weighted losses of replayed batches."""
        loss, pooled = self.model.loss(batch, self.data.name, self.data.scoring, self.group)
        for replay_batch, other in replayed:
            earlier, _ = self.model.loss(other, replay_batch.data.name, replay_batch.data.scoring, self.group)
            loss = loss + replay_batch.weight * earlier
        for penalty in (self.stage.penalty(self.model, self.data.name), self.hooks.penalty(batch, pooled)):
            loss = loss if penalty is None else loss + penalty
        return loss


class Trainer:
    """Objective, optimiser, learning rate and loss scaling of one stage; `update` does one optimiser step."""

    def __init__(
        self,
        model: ContinualModel,
        stage: Stage,
        data: TaskData,
        group: ProcessGroup,
        updates: int,
        *,
        hooks: StageHooks | None = None,
    ) -> None:
        self.model, self.schedule, self.data, self.group = model, stage.schedule, data, group
        self.hooks = hooks or StageHooks()
        self.objective = group.wrap(
            Objective(model, stage, data, self.hooks, group), find_unused_parameters=self.hooks.find_unused_parameters
        )
        model.hold_frozen(self.schedule.precision)
        self.optimizer = _optimizer(model, self.schedule, group.device)
        self.scheduler = LambdaLR(self.optimizer, lambda update: self.schedule.rate(update, updates))
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=self.schedule.precision == "float16")
        self.records, self.parts = 0, 1  # parts of a micro-batch
        contrasts = any(model.readout(task).contrasts for task in model.heads)
        self.halves = group.compute.halve and group.size == 1 and not contrasts
        self._applied = 0
        self.optimizer.register_step_post_hook(self._count_applied)
        compiles = group.compute.compile and group.device.type == "cuda"
        self.layers = CompiledLayers(model) if compiles else None
        recorded = is_recorded(self.schedule, self.hooks, group, updates=updates, own=bool(stage.source))
        self._recorded = RecordedPass(self._pass, [value for _, value in self.trained()]) if recorded else None

    def read(self, indices: Tensor) -> tuple[Tensor, Batch]:
        """The global batch `indices` [N] and this process's records of it, as `update` takes them. For any thread."""
        return indices, self._read(self.data, indices)

    def update(self, indices: Tensor, records: Batch | None = None) -> Tensor:
        """One update on the global batch `indices` [N]; gives this process's loss (a scalar), which may be awaited.

        `records` are what `read` gave for them; without, they are read here. Gradients that are too large for float16
        leave the weights, and the learning rate's schedule, as they were.
        """
        loss = self._backward_in_memory(indices, self.hooks.replay(), records)
        self._bound_gradients()
        before = self._applied
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self._applied > before:
            self.scheduler.step()
        return loss

    def close(self) -> None:
        """Free the memory of a recording; the trainer goes on without it."""
        self._recorded = None

    @property
    def updates_applied(self) -> int:
        """The updates that changed the weights, those before a checkpoint included."""
        return self.scheduler.last_epoch

    def fast_forward(self, indices: Iterable[Tensor]) -> None:
        """Draw the replay batches of the updates on these batches [N] again, so that the next is the next update's.

        In a group the first update's gradients are computed again and discarded: DDP rebuilds its buckets after its
        first backward pass, and the order in which it sums gradients depends on them.
        """
        for number, batch in enumerate(indices):
            replay_batches = self.hooks.replay()
            if number == 0 and self.group.size > 1:
                self._backward(batch, replay_batches)
                self.optimizer.zero_grad(set_to_none=True)

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that are trained, by name."""
        return [(name, value) for name, value in self.model.named_parameters() if value.requires_grad]

    def _count_applied(self, *_: object) -> None:
        """Called by the optimiser after each of its steps; loss scaling leaves out those with infinite gradients."""
        self._applied += 1

    def _bound_gradients(self) -> None:
        """Scale all gradients down to the schedule's norm; they are averaged over the group, and equal in it."""
        if self.schedule.max_gradient_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_((value for _, value in self.trained()), self.schedule.max_gradient_norm)

    def _backward_in_memory(
        self, indices: Tensor, replay_batches: Sequence[ReplayBatch], records: Batch | None
    ) -> Tensor:
        """As `_backward`; where memory does not hold a micro-batch, and that may be cut, in more parts from here on.

        The processes of a group would have to agree on it: a group cuts nothing. Neither is cut what compares the
        records of a batch with each other. Raises torch.OutOfMemoryError where
        it may not, or is a single record.
        """
        if not self.halves:
            return self._backward(indices, replay_batches, records)
        drawn = random_state(self.group)[None]
        while (loss := self._attempt(indices, replay_batches, records)) is None:
            self.optimizer.zero_grad(set_to_none=True)
            free_unused()
            set_random_state(self.group, drawn)
        return loss

    def _attempt(self, indices: Tensor, replay_batches: Sequence[ReplayBatch], records: Batch | None) -> Tensor | None:
        """None where memory did not suffice and there are more `parts` now."""
        try:
            return self._backward(indices, replay_batches, records)
        except RuntimeError as error:
            sizes = [len(indices), *(len(one.indices) for one in replay_batches)]
            more = next_parts(self.parts, [size // self.schedule.accumulate for size in sizes])
            if more is None or not is_out_of_memory(error):
                raise
            self.parts, self._recorded = more, None  # a recording sets gradients, and does not add to them
            return None

    def _backward(self, indices: Tensor, replay_batches: Sequence[ReplayBatch], records: Batch | None = None) -> Tensor:
        """Accumulate the gradients of all micro-batches; gives this process's loss, averaged over them."""
        count = self.schedule.accumulate * self.parts
        replayed = [[(one, part) for part in one.indices.chunk(count)] for one in replay_batches]
        loss = torch.zeros((), device=self.group.device)
        for number, part in enumerate((records or self._read(self.data, indices)).chunk(count)):
            batch = part.to(self.group.device)
            others = [
                (one, self._read(one.data, indices).to(self.group.device))
                for one, indices in (parts[number] for parts in replayed)
            ]
            sync = self.group.without_sync(self.objective) if number < count - 1 else nullcontext()
            with sync:
                loss += self._pass(batch, others) if others or self._recorded is None else self._recorded(batch)
        self.records += len(indices) + sum(len(one.indices) for one in replay_batches)
        return loss

    def _pass(self, batch: Batch, others: Sequence[tuple[ReplayBatch, Batch]] = ()) -> Tensor:
        """Add a micro-batch's share to the gradients; gives its share of the loss."""
        # the backward pass, too, which computes checkpointed layers again
        with nullcontext() if self.layers is None else self.layers.open():
            with autocast(self.group.device, self.schedule.precision):
                share = self.objective(batch, others) / (self.schedule.accumulate * self.parts)
            self.scaler.scale(share).backward()
        return share.detach().float()

    def _read(self, data: TaskData, indices: Tensor) -> Batch:
        """This process's shard of the training records `indices`, ready to be copied to the device.

        Micro-batches are shared equally, so that the shard's parts are the shards of the parts.
        """
        return data.splits["train"].batch(self.group.shard(indices)).pinned(self.group.device)


def _optimizer(model: ContinualModel, schedule: Schedule, device: torch.device) -> torch.optim.AdamW:
    """AdamW: no decay on biases and LayerNorm weights, the queries at `query_rate_factor` times the rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
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
        fused=takes_fused_steps(device, schedule.precision) or None,
    )


def next_parts(parts: int, sizes: Sequence[int]) -> int | None:
    """The next larger number of equal parts into which batches of all these sizes can be cut; None if there is none."""
    return next((more for more in range(parts + 1, min(sizes) + 1) if not any(size % more for size in sizes)), None)


def takes_fused_steps(device: torch.device, precision: Precision) -> bool:
    """Whether the optimiser's step is one kernel, as a GPU has it.

    In float16 it is not: the kernel would leave out an update whose gradients overflow without telling the schedule.
    """
    return device.type == "cuda" and precision != "float16"
