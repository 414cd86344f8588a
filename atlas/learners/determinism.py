"""The arithmetic of a process: float32 that is float32, and on request the same bits in every run on the same GPU."""

from __future__ import annotations

import os

import torch

CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
REPRODUCIBLE = ":4096:8"  # what cuBLAS needs to add up in one order


def exact_float32() -> None:
    """Compute products and convolutions of float32 numbers in float32 on a GPU, too, and not in TensorFloat-32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def compute_deterministically() -> None:
    """Have PyTorch choose algorithms that give the same bits in every run, and refuse operations that have none.

    For the start of a process: cuBLAS reads its setting when CUDA starts.
    """
    os.environ.setdefault(CUBLAS_WORKSPACE, REPRODUCIBLE)
    torch.use_deterministic_algorithms(True)
    # memory that is read before it is written would be a mistake, whatever is in it
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
