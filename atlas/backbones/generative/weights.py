"""Loading of a generative model's frozen weights: their type, quantised or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel

from atlas.backbones.checkpoint import load_whole
from atlas.backbones.load_options import check_quantiser
from atlas.cluster.options import QUANTISED, Weights
from atlas.runtime.errors import UserError


def compute_type(weights: Weights) -> torch.dtype:
    """The type of the weights that are not quantised: beside those of 8 and 4 bits it is bfloat16.

    Adapters, heads and their gradients are float32 either way.
    """
    return torch.float32 if weights in ("auto", "float32") else torch.bfloat16


def load_model(folder: Path, weights: Weights) -> PreTrainedModel:
    """The model with its output over the vocabulary. Raises UserError where weights are missing or cannot be read."""
    quantised = {"quantization_config": quantisation(weights)} if weights in QUANTISED else {}
    named, dtype = "an image-text-to-text model", compute_type(weights)
    found: PreTrainedModel = load_whole(
        AutoModelForImageTextToText, folder, named=named, dtype=dtype, local_files_only=True, **quantised
    )
    return found


def quantisation(weights: Weights) -> Any:
    """The settings of `bitsandbytes` for weights of 8 bits (LLM.int8, Dettmers et al., 2022) or 4 (NF4, 2023).

    The output over the vocabulary stays whole, as transformers has it. Raises UserError where the package or a GPU is
    absent.
    """
    from transformers import BitsAndBytesConfig

    check_quantiser(weights)
    if not torch.cuda.is_available():
        raise UserError(f"--weights {weights} needs a GPU, and this process sees none: leave it out.")
    if weights == "8-bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
