"""The way in which a worker computes: nothing of it decides what is computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Compute:
    """The settings of a worker that are no part of a step: results are the same with all of them, up to rounding.

    loaders: threads that read batches ahead, into pinned memory where the device is a GPU; with none, a batch is read
    when it is needed. graphs: passes over batches are recorded as CUDA graphs where they can be (`recorded`). compile:
    layers are compiled on GPUs (`atlas.backbones.compiled`). halve: where the memory of the device does not hold a
    batch, cut it further and add the gradients up.
    """

    loaders: int = 0
    graphs: bool = False
    compile: bool = False
    halve: bool = False
