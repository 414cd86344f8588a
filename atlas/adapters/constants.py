"""Constant tensors of every forward pass, made once for each device: to copy one to a GPU is to wait for it."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=512)
def row(values: tuple[float, ...], device: torch.device) -> Tensor:
    """The values as a row [1, n], float32. Not to be changed."""
    with torch.inference_mode(False):
        return torch.tensor([values], device=device, dtype=torch.float32)


@lru_cache(maxsize=512)
def identity(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The identity [size, size]. Not to be changed."""
    with torch.inference_mode(False):
        return torch.eye(size, device=device, dtype=dtype)
