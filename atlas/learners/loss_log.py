"""The log of a stage's losses: copied from a GPU while it goes on, and read once they have arrived."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from atlas.learners.divergence import REMEDY, Diverged
from atlas.learners.process_group import ProcessGroup


@dataclass
class LossLog:
    """The losses of some updates, averaged over the processes of a group.

    A GPU's loss is read when the next one is noted, or by `flush`, since reading waits for everything that the GPU was
    given to do. `losses` gets (update, loss).
    """

    group: ProcessGroup
    losses: list[tuple[int, float]]
    _pending: list[_PendingLoss] = field(default_factory=list)

    def note(self, update: int, loss: Tensor) -> None:
        """Note the loss of an update (a scalar). Collective. Raises Diverged as `flush` does."""
        self.flush()
        self._pending.append(_PendingLoss.of(update, self.group.all_reduce(loss.clone())))
        if self.group.device.type != "cuda":
            self.flush()

    def flush(self) -> None:
        """Read what was noted. Raises Diverged where a loss is not finite, in all processes of a group alike."""
        pending, self._pending = self._pending, []
        for one in pending:
            value = one.read() / self.group.size
            if not math.isfinite(value):
                raise Diverged(f"the loss became {value} at update {one.update}; {REMEDY}")
            self.losses.append((one.update, value))


@dataclass(frozen=True, kw_only=True)
class _PendingLoss:
    """A loss on its way to the CPU; `arrived` is None where it is there already."""

    update: int
    value: Tensor
    arrived: torch.cuda.Event | None

    @staticmethod
    def of(update: int, loss: Tensor) -> _PendingLoss:
        value, arrived = loss.to("cpu", non_blocking=True), None
        if loss.device.type == "cuda":
            arrived = torch.cuda.Event()
            arrived.record(torch.cuda.current_stream(loss.device))
        return _PendingLoss(update=update, value=value, arrived=arrived)

    def read(self) -> float:
        """The loss; waits until it is there."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return float(self.value)
