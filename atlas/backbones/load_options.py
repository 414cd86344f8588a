"""Options of loading a generative backbone. Thin."""

from __future__ import annotations

from dataclasses import dataclass

from atlas.cluster.options import QUANTISED, Weights
from atlas.runtime.errors import UserError


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """weights: the type of its frozen weights, which decides results; `auto` is float32, whatever the device.
    recompute: a layer's states are computed again in the backward pass.
    """

    weights: Weights = "auto"
    recompute: bool = False


def check_quantiser(weights: Weights) -> None:
    """Raises UserError for weights of 8 or 4 bits where `bitsandbytes` is not installed."""
    from importlib.util import find_spec

    if weights in QUANTISED and find_spec("bitsandbytes") is None:
        raise UserError(f"--weights {weights} needs bitsandbytes: pip install 'atlas-continual[quantised]'.")
