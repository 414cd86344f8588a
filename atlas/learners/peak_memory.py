"""The most memory that a step took: of a GPU, or else of the process."""

from __future__ import annotations

import resource
import sys

import torch

from atlas.learners.process_group import ProcessGroup

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def forget_peak(device: torch.device) -> None:
    """Begin anew, on a GPU; that of a process is since its start."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(group: ProcessGroup) -> int:
    """The most bytes that tensors took on the GPU since `forget_peak`, or that the process ever had resident.

    Of the processes of a group the largest. Collective.
    """
    if group.device.type == "cuda":
        here = torch.cuda.max_memory_allocated(group.device)
    else:
        here = RSS_UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(group.all_gather(torch.tensor([here])).max())
