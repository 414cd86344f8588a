"""The ways in which a learner may combine adapters at the sites of a backbone, in the place of their own fusion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.adapters.layer import AtlasLayer


class SiteCombination(nn.Module, ABC):
    """A way to combine adapters at the sites, in the place of their own fusion, with parameters of its own.

    by_task: it depends on the task that is answered, so that it answers only records whose task is told.
    """

    by_task: ClassVar[bool] = False

    @abstractmethod
    def install(self, layers: Mapping[str, AtlasLayer]) -> None:
        """Make the sites combine their adapters in this way, until `remove`."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write it into a step's folder, for `load_combination`."""

    def answer(self, task: str) -> None:
        """Called before a batch of `task` is answered, for ways that depend on the task."""

    def penalty(self) -> Tensor:
        """A term of the loss, a scalar."""
        return torch.zeros(())


def mean_over(x: Tensor, prompt: Tensor | None) -> Tensor:
    """The mean of x [B, L, n] over its tokens, or over those of the prompt, bool [B, L]: [B, n]."""
    if prompt is None:
        return x.mean(1)
    weight = prompt[..., None].to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1)


def remove(layers: Mapping[str, AtlasLayer]) -> None:
    """Make the sites combine their adapters by their own fusion again."""
    for layer in layers.values():
        vars(layer).pop("combine", None)
