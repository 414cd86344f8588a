"""The combinations of adapters that steps save, by the file that each leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from atlas.adapters.layer import AtlasLayer
from atlas.learners.composition import load_attention
from atlas.learners.routing import load_routing
from atlas.learners.site_combination import SiteCombination


def load_combination(folder: Path, layers: Mapping[str, AtlasLayer]) -> SiteCombination | None:
    """The combination that a step's folder holds for these sites; None where there is none."""
    return load_routing(folder, layers) or load_attention(folder, layers)
