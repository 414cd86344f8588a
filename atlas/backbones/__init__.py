"""The backbones. To add one of a known family: put its weights into a folder or on the hub, and a line in BACKBONES.

Importing this package does not import torch: only `load` does.
"""

from __future__ import annotations

from atlas.backbones.base import BACKBONES, digest, load, locate
from atlas.backbones.families import FAMILIES

__all__ = ["BACKBONES", "FAMILIES", "digest", "load", "locate"]
