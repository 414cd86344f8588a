"""The fusion of a stack's adapters at one site: the formulas of ATLAS (arXiv:2410.10923) as functions.

With h [B, L, D] the site's output, H heads, and for adapter i its Φ_i, query q_i [n, D] and key k_i [n, D]:

    kv_i = [q_i ; Φ_i(h)]                            concatenated along tokens
    a_i  = MultiHead(q_i, kv_i, kv_i)                no projections, scores scaled by 1/√D (the full width)
    α_i  = (cos(a_i, k_i) + 1) / 2                   whole: one a sample; dimension: one a sample and feature,
                                                     the cosine being taken along the n query tokens
    out  = Σ_i α_i Φ_i(h)

`plain` says just that. `fused` gives the same numbers and never forms a Φ_i (fused.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from atlas.adapters import constants
from atlas.adapters.kinds import AdapterKind

Weighting = Literal["whole", "dimension"]
Normalisation = Literal["none", "sum", "softmax"]
Skip = Literal["inside", "outside"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One adapter at one site: down [r, in], down_bias [r] or None, up [D, r], up_bias [D] or None."""

    kind: AdapterKind
    down: Tensor
    up: Tensor
    down_bias: Tensor | None = None
    up_bias: Tensor | None = None
    scale: float = 1.0

    def inner(self, x: Tensor, h: Tensor) -> Tensor:
        """z [B, L, r], from the site's input x [B, L, in] and output h [B, L, D]."""
        z = F.linear(h if self.kind.reads == "output" else x, self.down, self.down_bias)
        return z if self.kind.activation is None else self.kind.activation(z)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The t adapters that act at one site, oldest first, with the newest queries and each adapter's own key.

    `query` and `key` hold [n, D] for each; None where the combination is fixed.
    """

    parts: Sequence[Part]
    query: Sequence[Tensor] | None = None
    key: Sequence[Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule by which α are computed and applied. `fixed` holds t numbers, or None where α is learned."""

    heads: int
    weighting: Weighting = "whole"
    normalisation: Normalisation = "none"
    skip: Skip = "inside"
    fixed: tuple[float, ...] | None = None


def normalise(alpha: Tensor, rule: Normalisation) -> Tensor:
    """α normalised over the adapters, dimension 1 of [B, t] or [B, t, D]: α / Σα, softmax(α), or left alone."""
    if rule == "sum":
        return alpha / alpha.sum(1, keepdim=True).clamp_min(1e-6)
    return alpha.softmax(1) if rule == "softmax" else alpha


def similarity(attended: Tensor, key: Tensor, weighting: Weighting) -> Tensor:
    """α before normalisation, in float32 or better: a cosine of half-precision numbers would be a coarse weight.

    attended [..., n, D] and key [..., n, D] give [...] for `whole` (the cosine over n · D numbers; n is 1) and
    [..., D] for `dimension` (the cosine along the n tokens).
    """
    dtype = torch.promote_types(attended.dtype, torch.float32)
    attended, key = attended.to(dtype), key.to(dtype)
    if weighting == "whole":
        attended, key = attended.flatten(-2), key.flatten(-2)
        return (F.cosine_similarity(attended, key, dim=-1) + 1) / 2
    attended, key = F.normalize(attended, dim=-2), F.normalize(key, dim=-2)
    return ((attended * key).sum(-2) + 1) / 2


def fixed_alpha(h: Tensor, rule: Rule) -> Tensor:
    """The searched numbers of a fixed combination, normalised: [1, t], float32."""
    return normalise(constants.row(rule.fixed or (), h.device), rule.normalisation)


def attend(query: Tensor, kv: Tensor, heads: int, seen: Tensor | None = None) -> Tensor:
    """Multi-head attention without projections: query [B, n, D] over kv [B, m, D], scaled by 1/√D; [B, n, D].

    seen: bool [B, m], the tokens that are attended to; None for all.
    """
    B, n, D = query.shape
    q = query.view(B, n, heads, -1).transpose(1, 2)
    k = kv.view(B, -1, heads, D // heads).transpose(1, 2)
    scores = q @ k.transpose(2, 3) * D**-0.5
    if seen is not None:
        scores = scores.masked_fill(~seen[:, None, None, :], -torch.inf)
    return (scores.softmax(-1) @ k).transpose(1, 2).reshape(B, n, D)


def plain(
    x: Tensor, h: Tensor, stack: Stack, rule: Rule, *, prompt: Tensor | None = None, alpha: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The formulas as they stand, one Φ_i after the other; the reference for `fused`.

    Takes the site's input x [B, L, in] and output h [B, L, D]; returns out [B, L, D] and α, [B, t] or [B, t, D].
    prompt: bool [B, L], the tokens that α is computed from; None for all. alpha: α as it was computed before, instead.
    """
    B = h.shape[0]
    phis, alphas = [], []
    for i, part in enumerate(stack.parts):
        delta = part.scale * F.linear(part.inner(x, h), part.up)
        phis.append(h + (delta if part.up_bias is None else delta + part.up_bias))
        if rule.fixed is None and alpha is None:
            assert stack.query is not None
            assert stack.key is not None
            query = stack.query[i].expand(B, -1, -1)
            seen = None if prompt is None else F.pad(prompt, (query.shape[1], 0), value=True)
            attended = attend(query, torch.cat([query, phis[i]], 1), rule.heads, seen)
            alphas.append(similarity(attended, stack.key[i], rule.weighting))
    if rule.fixed is not None:
        alpha = fixed_alpha(h, rule).expand(B, -1)
    elif alpha is None:
        alpha = normalise(torch.stack(alphas, 1), rule.normalisation)
    scale = alpha.to(h.dtype).unsqueeze(2) if alpha.dim() == 3 else alpha.to(h.dtype)[:, :, None, None]
    if rule.skip == "outside":
        return h + sum(scale[:, i] * (phi - h) for i, phi in enumerate(phis)), alpha
    return torch.stack([scale[:, i] * phi for i, phi in enumerate(phis)]).sum(0), alpha
