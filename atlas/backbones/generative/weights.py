"""Loading of a generative model's frozen weights: their type, quantised or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel

from atlas.backbones.checkpoint import load_whole
from atlas.cluster.options import Weights
from atlas.runtime.errors import UserError

Bits = Literal[8, 4]


def compute_type(weights: Weights = "auto") -> torch.dtype:
    """The type of frozen weights: bfloat16 where this process sees a GPU that computes in it, else float32.

    Adapters, heads and their gradients are float32 either way, so that a step on another device is the same step.
    """
    if weights == "float32" or (weights == "auto" and not _has_bfloat16()):
        return torch.float32
    return torch.bfloat16


def load_model(folder: Path, weights: Weights = "auto", *, bits: Bits | None = None) -> PreTrainedModel:
    """The model with its output over the vocabulary. Raises UserError where weights are missing or cannot be read."""
    quantised = {} if bits is None else {"quantization_config": quantisation(bits)}
    named, dtype = "an image-text-to-text model", compute_type(weights)
    found: PreTrainedModel = load_whole(
        AutoModelForImageTextToText, folder, named=named, dtype=dtype, local_files_only=True, **quantised
    )
    return found


def quantisation(bits: Bits) -> Any:
    """The settings of `bitsandbytes` for weights of 8 or 4 bits (NF4, Dettmers et al., 2023).

    Raises UserError where the package or a GPU is absent.
    """
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise UserError(f"weights of {bits} bits need a GPU, and this process sees none: load them whole.")
    if find_spec("bitsandbytes") is None:
        raise UserError(f"weights of {bits} bits need bitsandbytes: pip install 'atlas-continual[quantised]'.")
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _has_bfloat16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
