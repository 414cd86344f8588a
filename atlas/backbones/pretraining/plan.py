"""The settings of a pre-training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PretrainingPlan:
    """The settings of a pre-training."""

    updates: int = 11_000
    shares: tuple[float, float, float] = (0.29, 0.44, 0.27)  # of the updates: patches alone, examples, last phase
    looking_rate: float = 2e-3
    rate: float = 1e-3
    start: str = ""  # digest of the weights that the last phase alone started from
    seed: int = 1
    size: int = 64  # examples a batch
    scenes: int = 30_000
    digits: int = 6_000
    tests: int = 16  # batches a kind of example, of held-out images
