"""The process group that trains one step. One process by default; `atlas.execution.worker` makes those of a fleet."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, kw_only=True)
class ProcessGroup:
    """`size` processes, of which this is number `rank`, computing on `device`."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def wrap(self, module: nn.Module, *, find_unused_parameters: bool = False) -> nn.Module:
        """The module with gradients averaged over the group (DDP), or itself in a group of one.

        `find_unused_parameters`: a forward pass may leave some of its trained parameters out.
        """
        return (
            DistributedDataParallel(module, find_unused_parameters=find_unused_parameters) if self.size > 1 else module
        )

    def without_sync(self, module: nn.Module) -> AbstractContextManager[object]:
        """A context without gradient averaging: for all micro-batches of an update but the last."""
        return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()

    def all_reduce(self, values: Tensor) -> Tensor:
        """The sum of `values` over the group, on every process."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def all_gather(self, values: Tensor) -> Tensor:
        """The `values` [N] of all processes, by rank, on every process: [size, N]."""
        if self.size == 1:
            return values[None]
        local = values.to(self.device)
        gathered = [torch.empty_like(local) for _ in range(self.size)]
        dist.all_gather(gathered, local)
        return torch.stack(gathered)

    def broadcast(self, content: bytes) -> bytes:
        """The content that rank 0 gives, on every process."""
        if self.size == 1:
            return content
        size = self.all_reduce(torch.tensor([len(content) if self.rank == 0 else 0], device=self.device))
        if not int(size):
            return b""
        buffer = bytearray(content) if self.rank == 0 else bytearray(int(size))
        values = torch.frombuffer(buffer, dtype=torch.uint8).to(self.device)
        dist.broadcast(values, 0)
        return values.cpu().numpy().tobytes()

    def shard(self, indices: Tensor) -> Tensor:
        """This rank's part of `indices` [N]: every size-th, so that equal batches give equal parts."""
        return indices[self.rank :: self.size]
