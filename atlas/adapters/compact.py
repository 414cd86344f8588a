"""The same numbers as `fusion.plain` in fewer and aligned products, for PyTorch's compiler on a GPU.

`fused` is fast where Python launches every kernel and arithmetic is dear. Where a compiler makes sums and casts one
kernel, what is left are products with few columns and reductions over all tokens, so that here, in the notation of
`fused`, what a shift c takes part in is a column of the up-projection's own products, C = [U | c | 0]:

    scores    (q U_i and q·c_i are q C_i)
    attended  p_0 q + Σ_l p_l h_l + C_i [Σ_l p_l z_il | 1 − Σp_0 | 0]
    out       (Σα) h + [U_1 … U_t | c_1 … c_t | 0] [α ⊙ z | α | 0]

Weights of frozen adapters stand side by side, and so do those in training, whose gradients are one product. Rows have
multiples of 8 numbers, without which a GPU's matrix units read number by number. Rounding differs from `fused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional as F

from atlas.adapters import constants, products
from atlas.adapters.fused import Packed, fused, pack, project
from atlas.adapters.fusion import Rule, Stack, normalise, similarity

WORD = 8  # numbers of 16 bits that a GPU reads at once


def compact(
    x: Tensor, h: Tensor, stack: Stack, rule: Rule, *, prompt: Tensor | None = None, alpha: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """As `fused`: x [B, L, in], h [B, L, D] → out [B, L, D] and α; for learned weights, one a sample, not yet known.

    All others are left to `fused`.
    """
    if rule.fixed is not None or rule.weighting != "whole" or alpha is not None:
        return fused(x, h, stack, rule, prompt=prompt, alpha=alpha)
    packed = pack(stack)
    z, weights = _weigh(x, h, packed, stack, rule.heads, prompt)
    alpha = normalise(weights, rule.normalisation)
    return _combine(h, z, packed, alpha, rule), alpha


def _weigh(
    x: Tensor, h: Tensor, packed: Packed, stack: Stack, heads: int, prompt: Tensor | None
) -> tuple[Tensor, Tensor]:
    """z [B, L, t·r] and α [B, t] before normalisation."""
    assert stack.query is not None
    assert stack.key is not None
    query, key = torch.stack(tuple(stack.query)), torch.stack(tuple(stack.key))
    (t, _, D), r = query.shape, packed.r
    q = query.view(t, heads, D // heads)
    rows, ups = _rows(q), _with_shift(packed)
    on_ups = rows @ ups  # [t, H, R]
    on_h, on_c = _padded(rows.view(t * heads, D), 0), _padded(on_ups[..., r].reshape(-1), 0)
    z, scores = project(x, h, packed, on_h, on_c, partial(side_by_side, dim=0))
    assert scores is not None
    scores = scores + (z.flatten(0, 1) @ _spread(on_ups[..., :r], scores.shape[2])).view(scores.shape)
    p_0, p_l = _attention(scores, q, prompt)
    from_h = torch.bmm(p_l.transpose(1, 2), h.to(z.dtype))[:, : t * heads].view(-1, t, heads, heads, D // heads)
    from_z = torch.bmm(p_l.transpose(1, 2), z)[:, : t * heads].view(-1, t, heads, t, r)
    inner = [from_z.diagonal(dim1=1, dim2=3).permute(3, 1, 0, 2), (1 - p_0).permute(1, 2, 0, 3).to(z.dtype)]
    lifted = torch.bmm(
        _padded(torch.cat(inner, 3), 3).flatten(0, 1), ups.view(t * heads, D // heads, -1).transpose(1, 2)
    )
    attended = p_0 * q + from_h.diagonal(dim1=2, dim2=3).transpose(2, 3)
    attended = attended + lifted.view(t, heads, -1, D // heads).permute(2, 0, 1, 3)
    return z, similarity(attended.reshape(-1, t, 1, D), key, "whole")


def _rows(q: Tensor) -> Tensor:
    """A row a head, the query in that head and zero elsewhere, over √D: q [t, H, d] → [t, H, D]."""
    t, heads, d = q.shape
    same_head = constants.identity(heads, q.device, q.dtype)
    return ((heads * d) ** -0.5 * q.unsqueeze(1) * same_head[:, :, None]).view(t, heads, heads * d)


def _with_shift(packed: Packed) -> Tensor:
    """C [t, D, R]: the up-projections and, in the next column, the shifts."""
    up = torch.stack(packed.ups)
    shift = up.new_zeros(up.shape[:2]) if packed.shift is None else packed.shift
    return _padded(torch.cat([up, shift.unsqueeze(2)], 2), 2)


def _spread(on_z: Tensor, width: int) -> Tensor:
    """What z [t·r] gives to the scores: on_z [t, H, r] of each adapter by itself, [t·r, width] with zeros."""
    t, heads, r = on_z.shape
    same_adapter = constants.identity(t, on_z.device, on_z.dtype)
    spread = (on_z.transpose(1, 2).unsqueeze(2) * same_adapter[:, None, :, None]).reshape(t * r, t * heads)
    return F.pad(spread, (0, width - t * heads))


def _attention(scores: Tensor, q: Tensor, prompt: Tensor | None) -> tuple[Tensor, Tensor]:
    """The attention of each query in each head over itself, p_0 [B, t, H, 1], and over the tokens, p_l [B, L, m].

    scores [B, L, m], of which the first t·H are those of q [t, H, d]; prompt as for `compact`.
    """
    t, heads, d = q.shape
    if prompt is not None:
        scores = scores.masked_fill(~prompt[:, :, None], -torch.inf)
    own = _padded((q * q).sum(-1).view(-1) * (heads * d) ** -0.5, 0)
    own = own.expand(len(scores), 1, -1).to(scores.dtype)
    p = torch.cat([scores, own], 1).softmax(1).to(scores.dtype)
    return p[:, -1, : t * heads].view(-1, t, heads, 1), p[:, :-1]


def _combine(h: Tensor, z: Tensor, packed: Packed, alpha: Tensor, rule: Rule) -> Tensor:
    """Σ_i α_i Φ_i(h), or h + Σ_i α_i (Φ_i(h) − h), for α [B, t]: [B, L, D]."""
    weight = alpha.to(z.dtype)
    weighted = (z.view(*z.shape[:2], -1, packed.r) * weight[:, None, :, None]).view(z.shape)
    weights = packed.ups
    if packed.shift is not None:
        weighted = _padded(torch.cat([weighted, weight[:, None].expand(-1, z.shape[1], -1)], 2), 2)
        weights = [*weights, F.pad(packed.shift.t(), (0, weighted.shape[2] - z.shape[2] - len(weights)))]
    lifted = products.lift(weighted, side_by_side(weights, 1))
    return lifted + (h if rule.skip == "outside" else h * weight.sum(1)[:, None, None].to(h.dtype))


def side_by_side(weights: Sequence[Tensor], dim: int) -> list[Tensor]:
    """Neighbours that are frozen, or in training, as one: the same numbers along `dim`, in fewer tensors."""
    groups = [list(group) for _, group in groupby(weights, key=lambda one: one.requires_grad)]
    return [torch.cat(group, dim) for group in groups]


def _padded(values: Tensor, dim: int) -> Tensor:
    """Zeros in that dimension up to a multiple of `WORD`."""
    return F.pad(values, (0, 0) * (values.dim() - 1 - dim) + (0, -values.shape[dim] % WORD))
