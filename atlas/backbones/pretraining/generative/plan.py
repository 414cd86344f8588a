"""The settings of a pre-training on questions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GenerativePlan:
    """The settings of a pre-training on questions. Of the model: its width and layers, alike in both towers."""

    updates: int = 2_100
    rate: float = 1.5e-3
    warm: int = 200  # updates over which the rate rises
    seed: int = 1
    size: int = 512  # rows of turns a batch
    scenes: int = 150_000
    digits: int = 20_000
    tests: int = 512  # held-out turns a kind of question
    width: int = 192
    layers: int = 4
