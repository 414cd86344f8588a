"""Loading a saved adapter, under any name, onto a model or beside the adapters that it has."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from peft import PeftModel, get_peft_model
from torch import nn

from atlas.adapters.config import AtlasConfig
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted


def with_adapter(model: nn.Module, config: AtlasConfig, name: str) -> PeftModel:
    """The PEFT model of a bare one, with a first adapter of this name."""
    with warnings.catch_warnings():  # PEFT asks transformers for a name that is deprecated there
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        adapted = get_peft_model(model, config, name)
    assert isinstance(adapted, PeftModel)
    return adapted


def load_adapter(
    model: nn.Module, folder: str | Path, name: str, *, experience: Sequence[str] | None = None
) -> PeftModel:
    """Loads the adapter that `save_pretrained` wrote into `folder`, frozen, as `name`, and returns the PEFT model.

    `model` is a bare model or a PEFT model with the adapters that this one builds on; `experience` gives their
    names here, in the saved order, where they differ from the saved ones. Which adapter is active does not change.

    Raises:
        UserError: if experience is missing, or the file does not hold exactly the adapter's parameters.
    """
    config = AtlasConfig.from_pretrained(str(folder))
    if experience is not None:
        if len(experience) != len(config.experience):
            raise UserError(
                f"experience names {counted(len(experience), 'adapter')}, but the one in {folder} builds on "
                f"{len(config.experience)}: {config.experience}."
            )
        config.experience = list(experience)
    config.inference_mode = True
    if isinstance(model, PeftModel):
        model.add_adapter(name, config)
        adapted = model
    else:
        adapted = with_adapter(model, config, name)
    mode = adapted.training
    result = adapted.load_adapter(str(folder), name, torch_device="cpu")
    adapted.train(mode)
    # PEFT's own list also has other adapters whose names contain this one's
    missing = [key for key in result.missing_keys if name in key.split(".")]
    if missing or result.unexpected_keys:
        raise UserError(
            f"{folder} does not hold adapter {name!r} as its config describes it: missing {missing[:3]}, "
            f"unexpected {result.unexpected_keys[:3]}. It was altered, or written for another model."
        )
    return adapted
