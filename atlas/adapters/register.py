"""The one place that tells PEFT of the method."""

from __future__ import annotations

import peft
from peft import mapping

from atlas.adapters.config import HINTING_TYPE, PEFT_TYPE, AtlasConfig
from atlas.adapters.model import AtlasModel
from atlas.runtime.errors import UserError

SUPPORTED = "0.21."


def register() -> None:
    """Enters the method into PEFT's three mappings; a second call changes nothing.

    PEFT's own `register_peft_method` refuses names outside its enum.

    Raises:
        UserError: with another release of PEFT than the one this was written for, or if the name is taken.
    """
    if not peft.__version__.startswith(SUPPORTED):
        raise UserError(
            f"PEFT {peft.__version__} is installed; atlas needs {SUPPORTED}x: pip install 'peft>=0.21,<0.22'."
        )
    entries: tuple[tuple[dict, str, object], ...] = (
        (mapping.PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE, AtlasConfig),
        (mapping.PEFT_TYPE_TO_CONFIG_MAPPING, HINTING_TYPE, AtlasConfig),  # a configuration of an export
        (mapping.PEFT_TYPE_TO_TUNER_MAPPING, PEFT_TYPE, AtlasModel),
        (mapping.PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE, AtlasModel.prefix),
    )
    for known, name, entry in entries:
        if known.get(name, entry) != entry:
            raise UserError(f"PEFT already has a method {name!r}: {known[name]}. Unload the other one.")
    for known, name, entry in entries:
        known[name] = entry
