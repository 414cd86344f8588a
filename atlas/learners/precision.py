"""Precision: the numbers that a learner trains and scores in."""

from __future__ import annotations

import torch

from atlas.learners.schedule import Precision


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which matrix products on `device` are computed in `precision`; float32 changes nothing."""
    dtype = getattr(torch, precision)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32)
