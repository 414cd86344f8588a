"""Processes of a group, forked from one that has imported what they need: an import of torch takes seconds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any


def run_processes(act: Callable[..., None], *arguments: Any, count: int) -> None:
    """Run `act(rank, *arguments)` in `count` processes, with one thread each, until all have ended.

    Raises:
        torch.multiprocessing.ProcessRaisedException: one of them failed; the others are ended.
    """
    from torch.multiprocessing import start_processes

    multiprocessing.set_forkserver_preload(["tests.small"])
    start_processes(_alone, args=(act, *arguments), nprocs=count, start_method="forkserver")


def _alone(rank: int, act: Callable[..., None], *arguments: Any) -> None:
    import torch

    torch.set_num_threads(1)
    act(rank, *arguments)
