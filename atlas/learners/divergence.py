"""Divergence: training whose loss, weights or scores are no longer finite numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import StepError

REMEDY = "lower the learning rate, or try float32."


class Diverged(StepError):
    """The loss, a weight or a score became NaN or infinite; the step's training is discarded.

    Raised on every process of a group alike, since what is tested was summed over the group.
    """

    everywhere = True


def check_weights(module: nn.Module, group: ProcessGroup) -> None:
    """Raises Diverged where a trained parameter is not finite, on any process. Collective."""
    trained = [(name, value) for name, value in module.named_parameters() if value.requires_grad]
    if not trained:
        return
    wrong = torch.stack([~value.detach().isfinite().all() for _, value in trained]).to(torch.int64)
    total = group.all_reduce(wrong).tolist()
    if any(total):
        name = next(name for (name, _), count in zip(trained, total, strict=True) if count)
        raise Diverged(f"the weights {name} are not finite after training; {REMEDY}")


def check_files(folder: Path) -> None:
    """Raises Diverged where a tensor that a step is about to keep, in a safetensors file, is not finite."""
    for path in sorted(folder.rglob("*.safetensors")):
        for name, value in load_file(path).items():
            if not value.isfinite().all():
                raise Diverged(f"the tensor {name} of {path.relative_to(folder)} is not finite; {REMEDY}")
