"""The states of a process's random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from atlas.learners.process_group import ProcessGroup


def random_state(group: ProcessGroup) -> Tensor:
    """The states of this process's generators, one after another: uint8 [bytes]."""
    states = [torch.get_rng_state()]
    if group.device.type == "cuda":
        states.append(torch.cuda.get_rng_state(group.device))
    return torch.cat(states)


def set_random_state(group: ProcessGroup, states: Tensor) -> None:
    """The inverse of `random_state`, of the states [workers, bytes] of all processes of a group, which may be another.

    A process that the group did not have draws from a seed of its own, which one of the states decides.
    """
    size, state = len(torch.get_rng_state()), states[group.rank % len(states)]
    torch.set_rng_state(state[:size].clone())
    if group.device.type == "cuda" and len(state) > size:  # else it was saved by a CPU
        torch.cuda.set_rng_state(state[size:].clone(), group.device)
    if group.rank >= len(states):
        torch.manual_seed(int(torch.randint(2**62, ())) + group.rank)
