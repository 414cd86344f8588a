"""Adapters as a PEFT method: kinds, their fusion, and `AtlasConfig` / `AtlasLayer` / `AtlasModel`."""

from atlas.adapters.config import AtlasConfig
from atlas.adapters.kinds import KINDS, AdapterKind
from atlas.adapters.layer import AtlasLayer
from atlas.adapters.loading import load_adapter, with_adapter
from atlas.adapters.model import AtlasModel
from atlas.adapters.register import register

__all__ = [
    "KINDS",
    "AtlasConfig",
    "AtlasLayer",
    "AtlasModel",
    "AdapterKind",
    "load_adapter",
    "register",
    "with_adapter",
]

# PEFT finds a method by its mappings alone, so the entries must be there before anything is loaded.
register()
