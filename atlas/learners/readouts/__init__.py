"""The readouts, by name. To add one: a file with a class of `Readout`, and a line in READOUTS.

Thin: a readout's module is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from atlas.runtime.errors import unknown

if TYPE_CHECKING:
    from atlas.learners.readouts.readout import Readout

HEAD = "head"  # the readout of a step that names none
SIMILARITY = "similarity"

READOUTS: dict[str, str] = {
    HEAD: "atlas.learners.readouts.head:Head",
    SIMILARITY: "atlas.learners.readouts.similarity:Similarity",
}


def find_readout(name: str) -> type[Readout]:
    """The readout of that name. Raises UserError that names the nearest known one."""
    if name not in READOUTS:
        raise unknown("readout", name, READOUTS)
    module, _, kind = READOUTS[name].partition(":")
    found: type[Readout] = getattr(import_module(module), kind)
    return found
