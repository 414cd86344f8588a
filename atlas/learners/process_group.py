"""The process group that trains one step. One process by default; `atlas.execution.worker` makes those of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from atlas.learners.compute import Compute
from atlas.learners.out_of_memory import is_out_of_memory, out_of_memory
from atlas.runtime.errors import AtlasError

ValueT = TypeVar("ValueT")


class RankFailed(RuntimeError):
    """A process of the group failed by an error that is no AtlasError."""


@dataclass(frozen=True, kw_only=True)
class ProcessGroup:
    """`size` processes, of which this is number `rank`, computing on `device` in the way that `compute` says."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    compute: Compute = field(default_factory=Compute)

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

    def gather_rows(self, values: Tensor) -> Tensor:
        """The rows [N, …] of all processes, by rank, on every process: [size · N, …], through which gradients flow.

        Every process gives as many. A loss L_r of each rank's own rows, of which all depend on the rows of all, has the
        gradient of their mean in the end: here dΣL_r / d(own rows), which DDP divides by the size.
        """
        return values if self.size == 1 else _gathered(values)

    def gather(self, value: ValueT) -> list[ValueT]:
        """The values of all processes, by rank, on every process: of any type that can be pickled."""
        if self.size == 1:
            return [value]
        gathered: list[ValueT] = [value] * self.size
        dist.all_gather_object(gathered, value)
        return gathered

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

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """A block that every process enters, without collectives in it: where it fails on one, it fails on all.

        All processes then raise the error of the lowest rank, with `everywhere` set where it is an AtlasError.

        Raises:
            RankFailed: a process failed by an error of another kind, so that it may be damaged.
        """
        if self.size == 1:
            yield
            return
        failure: Exception | None = None
        try:
            yield
        except Exception as error:
            failure = error
        if int(self.all_reduce(torch.tensor(int(failure is not None), device=self.device))):
            raise self._first_failure(failure) from failure

    def _first_failure(self, own: Exception | None) -> Exception:
        """One of the processes' failures, the same on all of them: of a damaged process before any other."""
        failures: list[Exception | None] = [None] * self.size
        dist.all_gather_object(failures, None if own is None else self._told(own))
        return min((one for one in failures if one is not None), key=lambda one: isinstance(one, AtlasError))

    def _told(self, error: Exception) -> Exception:
        """The error as the other processes get it."""
        if is_out_of_memory(error):
            error = out_of_memory(error)
        if not isinstance(error, AtlasError):
            return RankFailed(f"worker {self.rank} of {self.size}: {type(error).__name__}: {error}")
        told = type(error)(f"{error} (worker {self.rank} of {self.size})")
        told.everywhere = True
        return told

    def shard(self, indices: Tensor) -> Tensor:
        """This rank's part of `indices` [N]: every size-th, so that equal batches give equal parts."""
        return indices[self.rank :: self.size]


class _GatherRows(torch.autograd.Function):
    """The rows of all processes; backward, the sum of what all processes' losses say of the own rows."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        gathered = [torch.empty_like(values) for _ in range(dist.get_world_size())]
        dist.all_gather(gathered, values.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(context: Any, gradients: Tensor) -> Tensor:
        total = gradients.contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def _gathered(values: Tensor) -> Tensor:
    found: Tensor = _GatherRows.apply(values)
    return found
