"""Options of loading a generative backbone that decide no result. Thin."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.cluster.options import Weights


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """weights: the type of its frozen weights. recompute: a layer's states are computed again in the backward pass."""

    weights: Weights = "auto"
    recompute: bool = False
