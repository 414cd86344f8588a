"""Fleets that share one GPU: updates a second of 1, 2, 4 and 8 processes, with and without NVIDIA's MPS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

MPS = "nvidia-cuda-mps-control"
PATIENCE = 180.0  # seconds for the slowest process to start


@dataclass(frozen=True, kw_only=True)
class Load:
    """The work of one process: the second stage on a prepared task, for so many seconds a round."""

    backbone: str
    prepared: Path
    device: str
    precision: Any
    batch: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """Updates a second of so many processes together."""

    processes: int
    mps: bool
    updates: float


def rows(load: Load, counts: Sequence[int]) -> Iterator[Row]:
    """The rows: without MPS, and with it where the machine has it."""
    yield from (Row(processes=count, mps=False, updates=found) for count, found in rounds(load, counts))
    if load.device == "cpu" or shutil.which(MPS) is None:
        return
    with served() as works:
        if works:
            yield from (Row(processes=count, mps=True, updates=found) for count, found in rounds(load, counts))


def rounds(load: Load, counts: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Updates a second, in a round for each count: so many of the processes train, and the others wait."""
    context, most = get_context("spawn"), max(counts)
    barrier, results = context.Barrier(most), context.Queue()
    processes = [context.Process(target=fleet, args=(load, number, counts, barrier, results)) for number in range(most)]
    for process in processes:
        process.start()
    for count in counts:
        yield count, sum(results.get(timeout=PATIENCE) for _ in range(count))
    for process in processes:
        process.join()


def fleet(load: Load, number: int, counts: Sequence[int], barrier: Any, results: Any) -> None:
    """One process: trains in the rounds that it takes part in, and reports its updates a second."""
    import torch

    from atlas.backbones import load as load_backbone
    from atlas.learners.compute import Compute
    from atlas.learners.process_group import ProcessGroup
    from atlas.learners.schedule import Schedule
    from atlas.learners.two_stage import Expansion
    from atlas.steps.train import open_task
    from benchmarks.gpus.steps import stacked
    from benchmarks.gpus.timing import Clock, watched

    torch.set_num_threads(1)
    group = ProcessGroup(device=torch.device(load.device), compute=Compute(loaders=1, graphs=True))
    stage = Expansion(schedule=Schedule(batch_size=load.batch, precision=load.precision), rank=16)
    backbone = load_backbone(load.backbone).to(group.device)
    model, data = stacked(backbone, open_task(load.prepared), stage, 4)
    watched(model, stage, data, Clock(group, load.seconds / 4))
    for count in counts:
        barrier.wait(timeout=PATIENCE)
        if number < count:
            results.put(1 / watched(model, stage, data, Clock(group, load.seconds)).taken[0])


@contextmanager
def served() -> Iterator[bool]:
    """Context in which processes reach the GPU through a server of MPS; whether it runs."""
    with tempfile.TemporaryDirectory(prefix="mps") as folder:
        places = {"CUDA_MPS_PIPE_DIRECTORY": f"{folder}/pipe", "CUDA_MPS_LOG_DIRECTORY": f"{folder}/log"}
        os.environ.update(places)
        started = subprocess.run([MPS, "-d"], capture_output=True, check=False).returncode == 0
        try:
            yield started
        finally:
            if started:
                subprocess.run([MPS], input=b"quit\n", capture_output=True, check=False, timeout=30)
            for name in places:
                del os.environ[name]
