"""The backbones. To add one: put its weights into a folder or on the hub, and add one line to BACKBONES.

Importing this package does not import torch: only `load` does.
"""

from __future__ import annotations

from atlas.backbones.base import BACKBONES, digest, load, locate

__all__ = ["BACKBONES", "digest", "load", "locate"]
