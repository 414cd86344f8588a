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


@dataclass(frozen=True, kw_only=True)
class Row:
    """Updates a second of so many processes together."""

    processes: int
    mps: bool
    updates: float


def rows(
    backbone: str, prepared: Path, device: str, counts: Sequence[int], *, seconds: float, precision: str, batch: int
) -> Iterator[Row]:
    """The rows, as they are measured: without MPS, and with it where the machine has it."""
    for mps in (False, True):
        if mps and (device == "cpu" or shutil.which(MPS) is None):
            return
        with served(mps) as works:
            for count in counts if works else ():
                updates = together(backbone, prepared, device, count, seconds, precision, batch)
                yield Row(processes=count, mps=mps, updates=updates)


def together(
    backbone: str, prepared: Path, device: str, count: int, seconds: float, precision: str, batch: int
) -> float:
    """Updates a second of so many processes that start their clocks at once."""
    context = get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    given = (backbone, str(prepared), device, seconds, precision, batch, barrier, results)
    processes = [context.Process(target=fleet, args=given) for _ in range(count)]
    for process in processes:
        process.start()
    paces = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return sum(paces)


def fleet(
    backbone: str, prepared: str, device: str, seconds: float, precision: Any, batch: int, barrier: Any, results: Any
) -> None:
    """One process: trains the second stage on a task, and reports its updates a second."""
    import torch

    from atlas.backbones import load
    from atlas.learners.schedule import Schedule
    from atlas.learners.two_stage import Expansion
    from atlas.steps.train import open_task
    from benchmarks.gpus.steps import stacked
    from benchmarks.gpus.timing import Clock, watched

    torch.set_num_threads(1)
    where = torch.device(device)
    stage = Expansion(schedule=Schedule(batch_size=batch, precision=precision), rank=16)
    model, data = stacked(load(backbone).to(where), open_task(Path(prepared)), stage, 4)
    watched(model, stage, data, Clock(where, seconds=0.5))
    barrier.wait(timeout=100)
    clock = watched(model, stage, data, Clock(where, seconds=seconds))
    results.put(1 / clock.taken[0])


@contextmanager
def served(mps: bool) -> Iterator[bool]:
    """Context in which processes reach the GPU through a server of MPS, or directly; whether it runs."""
    if not mps:
        yield True
        return
    with tempfile.TemporaryDirectory(prefix="mps") as folder:
        places = {"CUDA_MPS_PIPE_DIRECTORY": f"{folder}/pipe", "CUDA_MPS_LOG_DIRECTORY": f"{folder}/log"}
        os.environ.update(places)
        try:
            started = subprocess.run([MPS, "-d"], capture_output=True, check=False).returncode == 0
            yield started
            if started:
                subprocess.run([MPS], input=b"quit\n", capture_output=True, check=False, timeout=30)
        finally:
            for name in places:
                del os.environ[name]
