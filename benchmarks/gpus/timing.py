"""Training updates timed on a device, through `fit` itself: milliseconds, samples a second, busy share, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch.profiler import ProfilerActivity, profile

from atlas.data.loader import Batch, Split
from atlas.learners.base import Stage
from atlas.learners.compute import Compute
from atlas.learners.continual_model import ContinualModel
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.learners.task_data import TaskData

WARM = 4  # updates before the clock is started
MOST = 1_000_000  # updates that a measurement never reaches


class Enough(Exception):
    """The measurement has what it needs."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The cost of an update: milliseconds, the share of them in which the device computes, and the peak in bytes.

    begun: the seconds until the first updates were done, recorded and compiled. busy is None where the device has no
    profiler, peak where it does not count its memory.
    """

    milliseconds: float
    begun: float
    batch: int
    busy: float | None
    peak: int | None

    @property
    def samples(self) -> float:
        """Samples a second."""
        return 1000 * self.batch / self.milliseconds


@dataclass
class Clock:
    """Watches the updates of a stage, and ends it once it has watched `seconds` or `updates` of them.

    begins, ends: called just before and after the updates that it watches.
    """

    group: ProcessGroup
    seconds: float
    updates: int = MOST
    begins: Callable[[], None] = lambda: None
    ends: Callable[[], None] = lambda: None
    made: float = field(default_factory=time.perf_counter)
    began: float = 0.0
    taken: list[float] = field(default_factory=list)

    def __call__(self, update: int, updates: int, loss: float | None = None) -> None:
        """Called after each update."""
        if update == WARM:
            wait(self.group.device)
            self.begins()
            self.began = time.perf_counter()
        if update > WARM and (update - WARM == self.updates or time.perf_counter() - self.began > self.seconds):
            wait(self.group.device)
            self.taken.append((time.perf_counter() - self.began) / (update - WARM))
            self.ends()
            raise Enough


class HeldBatch(Batch):
    """A batch that is in the device's memory already."""

    def pinned(self, device: torch.device) -> Batch:
        """The batch itself."""
        return self


class Held:
    """A split whose every batch is the same one, on the device already."""

    def __init__(self, split: Split, size: int, device: torch.device) -> None:
        self.split, self.held = split, HeldBatch(**vars(split.batch(torch.arange(size)).to(device)))

    def __len__(self) -> int:
        return len(self.split)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The batch, whatever is asked."""
        return self.held


def held(data: TaskData, size: int, device: torch.device) -> TaskData:
    """The task with one batch in the device's memory in place of its training split."""
    return replace(data, splits={**data.splits, "train": cast(Split, Held(data.splits["train"], size, device))})


def pace(
    model: ContinualModel, stage: Stage, data: TaskData, device: torch.device, compute: Compute, *, seconds: float
) -> Pace:
    """The pace of training `stage` on a task, for so many seconds."""
    group = ProcessGroup(device=device, compute=compute)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    clock = watched(model, stage, data, Clock(group, seconds))
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    busy = busy_seconds(lambda watch: watched(model, stage, data, watch), group)
    share = None if busy is None else busy / clock.taken[0]
    return Pace(
        milliseconds=1000 * clock.taken[0],
        begun=clock.began - clock.made,
        batch=stage.schedule.batch_size,
        busy=share,
        peak=peak,
    )


def watched(model: ContinualModel, stage: Stage, data: TaskData, clock: Clock) -> Clock:
    """The clock, once it has watched the training of a stage."""
    schedule = replace(stage.schedule, steps=MOST)
    with suppress(Enough):
        fit(model, replace(stage, schedule=schedule), data, seed=0, group=clock.group, on_update=clock)
    return clock


def busy_seconds(work: Callable[[Clock], object], group: ProcessGroup, updates: int = 6) -> float | None:
    """The seconds of an update in which the device computes anything; None for a CPU."""
    if group.device.type != "cuda":
        return None
    trace = profile(activities=[ProfilerActivity.CUDA], acc_events=True)
    work(Clock(group, 60.0, updates=updates, begins=trace.start, ends=trace.stop))
    events: list[Any] = [event for event in trace.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    return union(sorted((event.time_range.start, event.time_range.end) for event in events)) / 1e6 / updates


def union(spans: list[tuple[float, float]]) -> float:
    """The length of the union of spans, which come by their beginnings."""
    total, end = 0.0, float("-inf")
    for start, stop in spans:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def wait(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def freed(device: torch.device) -> Iterator[None]:
    """Context after which the device's cached memory is free again."""
    try:
        yield
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()
