"""The settings of a contrastive pre-training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ContrastivePlan:
    """The settings of a contrastive pre-training."""

    updates: int = 2_400
    rate: float = 1.5e-3
    seed: int = 1
    size: int = 64  # captioned images a batch, and as many with competing texts
    scenes: int = 12_000
    digits: int = 3_000
    tests: int = 16  # batches of held-out images
