"""The entries in PEFT's mappings."""

from __future__ import annotations

import peft
import pytest
from peft import mapping

from atlas.adapters import AtlasConfig, AtlasModel, register
from atlas.runtime.errors import AtlasError


def test_importing_registers_and_registering_again_changes_nothing() -> None:
    register()
    assert mapping.PEFT_TYPE_TO_CONFIG_MAPPING["ATLAS"] is AtlasConfig
    assert mapping.PEFT_TYPE_TO_TUNER_MAPPING["ATLAS"] is AtlasModel
    assert mapping.PEFT_TYPE_TO_PREFIX_MAPPING["ATLAS"] == "atlas_"


def test_a_name_that_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mapping.PEFT_TYPE_TO_TUNER_MAPPING, "ATLAS", object)
    with pytest.raises(AtlasError, match="already has a method"):
        register()


def test_another_release_of_peft_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peft, "__version__", "0.22.0")
    with pytest.raises(AtlasError, match=r"0\.22\.0"):
        register()
