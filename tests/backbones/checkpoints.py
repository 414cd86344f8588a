"""A checkpoint with random weights for each family: the contract of backbones is run on them, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.backbones.dual import checkpoints as dual
from tests.backbones.generative import checkpoints as generative
from tests.small import write_small_vilt


def _write_vilt(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return write_small_vilt(folder)


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "vilt": _write_vilt,
    **dual.CHECKPOINTS,
    **generative.CHECKPOINTS,
}
