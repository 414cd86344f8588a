"""The same numbers as `fusion.plain` without ever forming a Φ_i(h), [B, L, D], or anything of its size.

With z_i = activation(down_i ·) [B, L, r], U_i = up_i, c_i = up_bias_i and, in each head, p the attention over
the queries' own tokens (p_0) and the site's tokens (p_l):

    scores    q·q / √D   and   (q·h_l + (q U_i)·z_il + q·c_i) / √D
    attended  p_0 q + Σ_l p_l h_l + U_i Σ_l p_l z_il + (1 − Σp_0) c_i
    out       (Σα) h + [U_1 … U_t] (α ⊙ z) + Σ_i α_i c_i

so that a stack of t adapters is one down-projection of width t·r and one up-projection: O(B·L·(D + t·r)) memory.
Adapters of unequal rank are padded with zeros, which changes nothing in the sums above.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from atlas.adapters import constants, dimension, products
from atlas.adapters.fusion import Part, Rule, Skip, Stack, fixed_alpha, normalise, similarity


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The parts of a stack at a common rank r: ups [D, r] (scaled) for each, and the shift c [t, D] or None."""

    parts: tuple[Part, ...]
    ups: list[Tensor]
    shift: Tensor | None
    r: int


def fused(
    x: Tensor, h: Tensor, stack: Stack, rule: Rule, *, prompt: Tensor | None = None, alpha: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """As `fusion.plain`: x [B, L, in], h [B, L, D] → out [B, L, D] and α, [B, t] or [B, t, D] (float32)."""
    packed = pack(stack)
    if rule.fixed is not None:
        z, _ = project(x, h, packed)
        alpha = fixed_alpha(h, rule)
        return _combine_fixed(h, z, packed, alpha, rule.skip), alpha.expand(h.shape[0], -1)
    if alpha is None:
        weigh = _weigh_whole if rule.weighting == "whole" else _weigh_dimensions
        z, alpha = weigh(x, h, packed, stack, rule.heads, prompt)
        alpha = normalise(alpha, rule.normalisation)
    else:
        z, _ = project(x, h, packed)
    combine = _combine if rule.weighting == "whole" else _combine_dimensions
    return combine(h, z, packed, alpha, rule.skip), alpha


def pack(stack: Stack) -> Packed:
    """The parts of a stack at the largest rank among them."""
    r = max(part.up.shape[1] for part in stack.parts)
    ups = [part.up if part.scale == 1.0 else part.up * part.scale for part in stack.parts]
    ups = [_padded(up, r) for up in ups]
    shift = None
    if any(part.up_bias is not None for part in stack.parts):
        none = torch.zeros_like(ups[0][:, 0])
        shift = torch.stack([none if part.up_bias is None else part.up_bias for part in stack.parts])
    return Packed(parts=tuple(stack.parts), ups=ups, shift=shift, r=r)


def _padded(up: Tensor, r: int) -> Tensor:
    return up if up.shape[1] == r else F.pad(up, (0, r - up.shape[1]))


def _rows(parts: list[Part], r: int) -> tuple[list[Tensor], list[Tensor]]:
    """The down weights [r, in] and biases [r] of some parts, padded to the rank r."""
    downs, biases = [], []
    for part in parts:
        missing = r - part.down.shape[0]
        bias = torch.zeros_like(part.down[:, 0]) if part.down_bias is None else part.down_bias
        downs.append(F.pad(part.down, (0, 0, 0, missing)) if missing else part.down)
        biases.append(F.pad(bias, (0, missing)) if missing else bias)
    return downs, biases


def project(
    x: Tensor,
    h: Tensor,
    packed: Packed,
    rows: Tensor | None = None,
    rows_bias: Tensor | None = None,
    joined: Callable[[list[Tensor]], list[Tensor]] = list,
) -> tuple[Tensor, Tensor | None]:
    """z [B, L, t·r] of all adapters and, in the same product, h · rowsᵀ + rows_bias [B, L, m] for rows [m, D].

    joined: may put weights that are neighbours into one.
    """
    on_h = [part for part in packed.parts if part.kind.reads == "output"]
    on_x = [part for part in packed.parts if part.kind.reads == "input"]
    weights, biases = _rows(on_h, packed.r)
    if rows is not None:
        weights.append(rows)
        biases.append(rows.new_zeros(rows.shape[0]) if rows_bias is None else rows_bias)
    from_h = products.project(h, joined(weights), biases) if weights else None
    width = len(on_h) * packed.r
    extra = from_h[..., width:] if from_h is not None and rows is not None else None
    z_h = from_h[..., :width] if from_h is not None and on_h else None
    z_x = None
    if on_x:
        weights, biases = _rows(on_x, packed.r)
        z_x = products.project(x, joined(weights), biases if any(part.kind.biased for part in on_x) else None)
    return _activate(z_h, z_x, packed), extra


def _activate(z_h: Tensor | None, z_x: Tensor | None, packed: Packed) -> Tensor:
    """The activations, and the adapters' own order where kinds are mixed: [B, L, t·r]."""
    kinds = [part.kind for part in packed.parts]
    if all(kind is kinds[0] for kind in kinds):
        z = z_h if z_x is None else z_x
        assert z is not None
        return z if kinds[0].activation is None else kinds[0].activation(z)
    pieces = {
        "output": iter(() if z_h is None else z_h.split(packed.r, -1)),
        "input": iter(() if z_x is None else z_x.split(packed.r, -1)),
    }
    ordered = [(kind, next(pieces[kind.reads])) for kind in kinds]
    return torch.cat([z if kind.activation is None else kind.activation(z) for kind, z in ordered], -1)


def _weigh_whole(
    x: Tensor, h: Tensor, packed: Packed, stack: Stack, heads: int, prompt: Tensor | None
) -> tuple[Tensor, Tensor]:
    """z [B, L, t·r] and α [B, t].

    The heads are rows: a query that is zero outside one head, so that the scores of all adapters and heads come
    from the same product as the down-projection.
    """
    assert stack.query is not None
    assert stack.key is not None
    query, key = torch.stack(tuple(stack.query)), torch.stack(tuple(stack.key))
    B, L, D = h.shape
    t, r, d = query.shape[0], packed.r, D // heads
    q = query.view(t, heads, d)
    same_head = constants.identity(heads, h.device, query.dtype)
    rows = (D**-0.5 * q.unsqueeze(1) * same_head[:, :, None]).view(t, heads, D)
    up, shift = torch.stack(packed.ups), packed.shift
    on_z = rows @ up  # [t, H, r]
    on_c = None if shift is None else (rows @ shift.unsqueeze(2)).view(-1)
    z, scores = project(x, h, packed, rows.view(t * heads, D), on_c)
    assert scores is not None
    same_adapter = constants.identity(t, h.device, query.dtype)
    spread = (on_z.transpose(1, 2).unsqueeze(2) * same_adapter[:, None, :, None]).reshape(t * r, -1)
    scores = torch.addmm(scores.reshape(B * L, -1), z.view(B * L, -1), spread).view(B, L, -1)
    if prompt is not None:
        scores = scores.masked_fill(~prompt[:, :, None], -torch.inf)
    itself = (q * q).sum(-1).view(1, -1, 1) * D**-0.5
    p = torch.cat([itself.expand(B, -1, 1).to(scores.dtype), scores.transpose(1, 2)], 2).softmax(-1)
    p_0, p_l = p[..., 0].view(B, t, heads, 1), p[..., 1:]
    from_h = torch.bmm(p_l.to(h.dtype), h).view(B, t, heads, heads, d).diagonal(dim1=2, dim2=3).transpose(2, 3)
    from_z = torch.bmm(p_l.to(z.dtype), z).view(B, t, heads, t, r).diagonal(dim1=1, dim2=3)  # [B, H, r, t]
    lifted = torch.einsum("bhrt,thdr->bthd", from_z, up.view(t, heads, d, r))
    attended = p_0 * q + from_h + lifted
    if shift is not None:
        attended = attended + (1 - p_0) * shift.view(t, heads, d)
    return z, similarity(attended.reshape(B, t, 1, D), key, "whole")


def _weigh_dimensions(
    x: Tensor, h: Tensor, packed: Packed, stack: Stack, heads: int, prompt: Tensor | None
) -> tuple[Tensor, Tensor]:
    """z [B, L, t·r] and α [B, t, D]."""
    assert stack.query is not None
    assert stack.key is not None
    z, _ = project(x, h, packed)
    weighings = []
    for part, up, query, key in zip(packed.parts, packed.ups, stack.query, stack.key, strict=True):
        shift = up.new_zeros(up.shape[0]) if part.up_bias is None else part.up_bias
        weighings.append(dimension.prepare(query, key, up, shift, heads))
    return z, dimension.weigh(h, z, weighings, prompt)


def _combine(h: Tensor, z: Tensor, packed: Packed, alpha: Tensor, skip: Skip) -> Tensor:
    """Σ_i α_i Φ_i(h) for α [B, t]: [B, L, D]."""
    weight = alpha.to(z.dtype)
    weighted = (z.view(*z.shape[:2], -1, packed.r) * weight[:, None, :, None]).view(z.shape)
    return products.add_lifted(_skip(h, packed, weight, weight.sum(1)[:, None, None], skip), weighted, packed.ups)


def _combine_fixed(h: Tensor, z: Tensor, packed: Packed, alpha: Tensor, skip: Skip) -> Tensor:
    """Σ_i α_i Φ_i(h) for α [1, t], the same for all samples, that the up-projections can take in: [B, L, D]."""
    weight = alpha.to(z.dtype)
    ups = [up * one.to(up.dtype) for up, one in zip(packed.ups, alpha[0], strict=True)]
    return products.add_lifted(_skip(h, packed, weight, weight.sum(), skip), z, ups)


def _skip(h: Tensor, packed: Packed, weight: Tensor, total: Tensor, skip: Skip) -> Tensor:
    """(Σα) h + Σ α_i c_i, or h + Σ α_i c_i where the skip is outside: [B, L, D], in memory of its own."""
    if packed.shift is None:
        return h.clone() if skip == "outside" else h * total.to(h.dtype)
    shift = packed.shift.to(weight.dtype)
    shifted = (weight @ shift if weight.dim() == 2 else (weight * shift).sum(1)).unsqueeze(1)
    return h + shifted if skip == "outside" else torch.addcmul(shifted.to(h.dtype), h, total.to(h.dtype))


def _combine_dimensions(h: Tensor, z: Tensor, packed: Packed, alpha: Tensor, skip: Skip) -> Tensor:
    """Σ_i α_i ⊙ Φ_i(h) for α [B, t, D]: [B, L, D]."""
    weight = alpha.to(z.dtype)
    base = _skip(h, packed, weight, weight.sum(1).unsqueeze(1), skip)
    return dimension.lift(base.to(z.dtype), z, weight, torch.cat(packed.ups, 1).to(z.dtype))
