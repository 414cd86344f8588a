"""The forward and backward pass of an update, recorded once as a CUDA graph and replayed for every batch."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atlas.data.loader import Batch, is_shared
from atlas.learners.hooks import StageHooks
from atlas.learners.process_group import ProcessGroup
from atlas.learners.schedule import Schedule

WARM_UPS = 3  # passes before a recording, in which libraries choose their kernels and allocate
WORTH = 30  # updates from which on a recording pays: it takes as long as some five of them
_log = logging.getLogger(__name__)
Form = tuple[tuple[str, torch.Size, bool], ...]


def is_recorded(schedule: Schedule, hooks: StageHooks, group: ProcessGroup, *, updates: int, own: bool) -> bool:
    """Whether the passes of a stage are to be recorded: they are the same kernels at every update, on a GPU.

    A stage that is a user's `own`, and hooks of a method, may decide anew at every update; gradients that are averaged
    over a group, scaled, or accumulated are left alone, and so are stages that are not worth it.
    """
    plain = type(hooks) is StageHooks and not own and schedule.accumulate == 1 and schedule.precision != "float16"
    return group.compute.graphs and group.device.type == "cuda" and group.size == 1 and plain and updates >= WORTH


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A graph, the batch in whose memory it reads, and the loss and gradients in whose memory it writes."""

    graph: torch.cuda.CUDAGraph
    batch: Batch
    loss: Tensor
    gradients: list[Tensor | None]

    def replay(self, batch: Batch, trained: Sequence[nn.Parameter]) -> Tensor:
        """Compute loss and gradients of a batch of the same form."""
        for name, place in _tensors(self.batch).items():
            rows = slice(0, 1) if is_shared(place) else slice(None)
            place[rows].copy_(getattr(batch, name)[rows], non_blocking=True)
        self.graph.replay()
        for parameter, gradient in zip(trained, self.gradients, strict=True):
            parameter.grad = gradient
        return self.loss


class RecordedPass:
    """A pass over a batch that leaves gradients in `trained` and gives the loss (a scalar), as `work` does.

    The kernels of `work` are recorded at the first batch of a form, and replayed on the same memory at every later one,
    so that results are those of `work` to the bit while Python launches one graph instead of thousands of kernels.
    `work` must neither wait for the GPU nor depend on anything but the batch and the weights; a loss is to be used
    before the next pass. Where a recording fails, and for batches of texts, `work` itself is called.
    """

    def __init__(self, work: Callable[[Batch], Tensor], trained: Sequence[nn.Parameter]) -> None:
        self.work, self.trained = work, trained
        self._recordings: dict[Form, Recording] = {}
        self._failed = False

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch, on the device. Raises OutOfMemoryError."""
        if self._failed or batch.references is not None:
            return self.work(batch)
        form: Form = tuple((name, value.shape, is_shared(value)) for name, value in _tensors(batch).items())
        if form not in self._recordings:
            try:
                self._recordings[form] = self._record(batch)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._failed = True
                self._clear()
                _log.warning("passes are not recorded as CUDA graphs, but computed one by one: %s", error)
                return self.work(batch)
        return self._recordings[form].replay(batch, self.trained)

    def _record(self, batch: Batch) -> Recording:
        """The recording of a pass over a copy of the batch."""
        given = batch.copied()
        self._warm_up(given)
        graph = torch.cuda.CUDAGraph()
        # other threads pin memory meanwhile, which a recording of all threads would refuse
        with _no_garbage_collected(), torch.cuda.graph(graph, capture_error_mode="thread_local"):
            loss = self.work(given)
        gradients = [parameter.grad for parameter in self.trained]
        self._clear()
        return Recording(graph=graph, batch=given, loss=loss, gradients=gradients)

    def _warm_up(self, given: Batch) -> None:
        """Passes on a stream of their own. Raises RuntimeError where the last of them waits for the GPU.

        A recording that fails for that has begun: PyTorch would go on as within one, and give no memory back.
        """
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for number in range(WARM_UPS):
                    with _waiting_refused() if number == WARM_UPS - 1 else nullcontext():
                        self.work(given)
                    self._clear()
        finally:
            torch.cuda.current_stream().wait_stream(stream)

    def _clear(self) -> None:
        for parameter in self.trained:
            parameter.grad = None


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """Context in which what waits for the GPU raises RuntimeError instead."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Synchronization debug mode")  # that it does not find everything
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Context in which nothing is freed by Python's collector: an earlier recording, freed, would spoil this one."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _tensors(batch: Batch) -> dict[str, Tensor]:
    """The tensors of a batch, by name."""
    return {name: value for name, value in vars(batch).items() if isinstance(value, Tensor)}
