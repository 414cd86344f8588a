from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from atlas.learners.determinism import CUBLAS_WORKSPACE, compute_deterministically, exact_float32


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """PyTorch's settings, restored afterwards."""
    cudnn, fill = torch.backends.cudnn, torch.utils.deterministic
    monkeypatch.setattr(fill, "fill_uninitialized_memory", fill.fill_uninitialized_memory)
    monkeypatch.setenv(CUBLAS_WORKSPACE, "")
    monkeypatch.delenv(CUBLAS_WORKSPACE)
    before = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32
    yield
    torch.use_deterministic_algorithms(before[0])
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before[1:]


@pytest.mark.usefixtures("untouched")
def test_a_deterministic_process_refuses_what_has_no_such_algorithm_and_tells_cublas() -> None:
    compute_deterministically()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert os.environ[CUBLAS_WORKSPACE] == ":4096:8"


@pytest.mark.usefixtures("untouched")
def test_a_workspace_that_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CUBLAS_WORKSPACE, ":16:8")
    compute_deterministically()
    assert os.environ[CUBLAS_WORKSPACE] == ":16:8"


@pytest.mark.usefixtures("untouched")
def test_float32_is_never_tensor_float_32() -> None:
    torch.backends.cudnn.allow_tf32 = True
    exact_float32()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
