"""The cost of training: parameters and floating-point operations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atlas.runtime.errors import UserError

COST_NAMES = ("forgetting", "stored_parameters", "trained_parameters", "flops", "seconds")
"""The costs of a trial beside which its accuracy is put; of each, less is better."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The numbers of a transformer that decide its cost.

    width D, depth N layers, inner M (the MLP's width), tokens L of text and picture together, passes: how often a
    record goes through it (its choices × its pictures).
    """

    width: int
    depth: int
    inner: int
    tokens: int
    passes: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise UserError(f"{name} of a transformer is {value}; give 1 or more.")


def parameters(shapes: Iterable[Sequence[int]]) -> int:
    """Σ Π: how many numbers tensors of these shapes hold; of those trained, or of those stored."""
    return sum(math.prod(shape) for shape in shapes)


def forward_flops(shape: Shape, ranks: Sequence[int] = ()) -> float:
    """Floating-point operations of one record's forward pass; a multiplication and its addition count as two.

        passes · [ 2 N L (4 D² + 2 D M + 2 L D) + 4 N L Σ_i (2 D r_i + D + r_i) ]

    The first term is the backbone: four projections, the MLP, scores and values of the attention. The second is one
    bottleneck of rank r_i for every adapter at two sites a layer, down and up, with the scores q·h and (qU)·z of the
    fusion. Left out, together about 1 %: embeddings, LayerNorm, softmax, activations, the head.
    """
    N, L, D, M = shape.depth, shape.tokens, shape.width, shape.inner
    backbone = 2 * N * L * (4 * D**2 + 2 * D * M + 2 * L * D)
    adapters = 4 * N * L * sum(2 * D * rank + D + rank for rank in ranks)
    return float(shape.passes * (backbone + adapters))


def step_flops(
    shape: Shape, *, records: int, ranks: Sequence[int] = (), trained: int = 0, through: bool = True
) -> float:
    """Floating-point operations of learning one step: records · (F + [through] F + passes · 2 L P).

    F is `forward_flops` with the adapters that are active. The gradient costs one more F where it goes `through` the
    backbone (frozen weights need none of their own; a head alone needs no way through), and every one of the P
    `trained` parameters two operations a token. That counts heads, queries and keys as if they met every token, and
    takes no account of the layers below the first adapter, which need no gradient: an upper estimate, alike for all
    learners.
    """
    forward = forward_flops(shape, ranks)
    own = shape.passes * 2 * shape.tokens * trained
    return float(records * (forward * (2 if through else 1) + own))
