"""The `dimension` weighting in the fused form: one α a sample and feature, [B, t, D], from n query tokens an adapter.

The queries' own tokens are the same for all samples, so the attention over them is computed once; with lse and lse_0
the logarithms of the softmax's denominators over the site's tokens and over the own ones,

    attended = lerp(attended_own, attended_site, sigmoid(lse − lse_0))

An adapter's probabilities, [B, H, n, L], and what it attends to, [B, n, D], can be larger than h. They are kept for
the backward pass only while small beside h; else they are made again from lse, one adapter after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

# The largest share of h [B, L, D] that an adapter may add to the memory of the backward pass, z aside.
KEEP = 0.6


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """The tensors of one adapter that do not depend on the sample."""

    query: Tensor  # [H, n, d], scaled by 1/√D
    on_z: Tensor  # [H · n, r]: the scaled queries through the adapter's up-projection
    on_shift: Tensor  # [H, n, 1]
    own: Tensor  # [H, n, d]: what the queries attend to among their own tokens
    own_lse: Tensor  # [H, n]
    key: Tensor  # [H, n, d], of length 1 along n
    up: Tensor  # [H, d, r]
    shift: Tensor  # [H, 1, d]


NAMES = [field.name for field in fields(Weighing)]
OUTER = NAMES[3:]  # those that follow the attention; the first three make the scores


def prepare(query: Tensor, key: Tensor, up: Tensor, shift: Tensor, heads: int) -> Weighing:
    """From query and key [n, D], up [D, r] and shift [D]."""
    n, D = query.shape
    q = query.view(n, heads, -1).transpose(0, 1)
    scaled = q * D**-0.5
    up, shift = up.reshape(heads, D // heads, -1), shift.view(heads, 1, -1)
    itself = scaled @ q.transpose(1, 2)
    unit = key / (key * key).sum(0).sqrt().clamp_min(1e-12)
    return Weighing(
        query=scaled.contiguous(),
        on_z=(scaled @ up).flatten(0, 1),
        on_shift=scaled @ shift.transpose(1, 2),
        own=itself.softmax(-1).to(q.dtype) @ q,
        own_lse=itself.logsumexp(-1),
        key=unit.view(n, heads, -1).transpose(0, 1).contiguous(),
        up=up,
        shift=shift,
    )


def weigh(h: Tensor, z: Tensor, weighings: Sequence[Weighing], prompt: Tensor | None = None) -> Tensor:
    """α [B, t, D] before normalisation, from h [B, L, D] and z [B, L, t·r]; float32 or better.

    prompt: bool [B, L], the tokens that are attended to; None for all.
    """
    dtype = torch.promote_types(h.dtype, torch.float32)
    heads = weighings[0].query.shape[0]
    by_head = h.view(*h.shape[:2], heads, -1).transpose(1, 2).contiguous()
    tensors = [getattr(one, name).to(dtype) for one in weighings for name in NAMES]
    with torch.autocast(h.device.type, enabled=False):
        alpha: Tensor = _Weigh.apply(by_head, z.to(h.dtype), prompt, *tensors)
    return alpha


def _scores(by_head: Tensor, z: Tensor, one: Weighing, prompt: Tensor | None) -> Tensor:
    """(q·h + (q U)·z + q·c) / √D for one adapter: [B, H, n, L], in the type of h; −∞ outside the prompt."""
    B, H, L, _ = by_head.shape
    query, on_z = one.query.to(by_head.dtype), one.on_z.to(z.dtype)
    scores = torch.matmul(query, by_head.transpose(2, 3)).view(B, -1, L)
    scores.baddbmm_(on_z.expand(B, -1, -1), z.transpose(1, 2))
    scores = scores.view(B, H, -1, L).add_(one.on_shift.to(scores.dtype))
    return scores if prompt is None else scores.masked_fill_(~prompt[:, None, None, :], -torch.inf)


def _attended(p: Tensor, by_head: Tensor, z: Tensor, one: Weighing) -> Tensor:
    """Σ_l p_l h_l + U Σ_l p_l z_l, [B, H, n, d], from p [B, H, n, L]; in the type of the weighing."""
    through = (_on_z(p, z).to(one.up.dtype)) @ one.up.transpose(1, 2)
    return through.add_(p @ by_head)


def _on_z(p: Tensor, z: Tensor) -> Tensor:
    """Σ_l p_l z_l, [B, H, n, r]."""
    B, H, n, L = p.shape
    return torch.bmm(p.view(B, H * n, L), z).view(B, H, n, -1)


@dataclass(frozen=True, kw_only=True)
class _Cosine:
    """The cosine along the n tokens, of what an adapter's queries attended to and its key.

    share [B, H, n, 1] is the attention that went to the site's tokens; difference and attended are [B, H, n, d];
    product and length, [B, H, 1, d], are the cosine's two halves.
    """

    share: Tensor
    difference: Tensor
    attended: Tensor
    product: Tensor
    length: Tensor

    @staticmethod
    def of(lse: Tensor, attended: Tensor, one: Weighing) -> _Cosine:
        """From lse [B, H, n] and the attended values [B, H, n, d] without the shift."""
        share = torch.sigmoid(lse - one.own_lse).unsqueeze(-1)
        difference = attended + (one.shift - one.own)
        mixed = torch.addcmul(one.own, share, difference)
        product = (mixed * one.key).sum(2, keepdim=True)
        length = (mixed * mixed).sum(2, keepdim=True).sqrt_().clamp_min_(1e-12)
        return _Cosine(share=share, difference=difference, attended=mixed, product=product, length=length)

    def alpha(self) -> Tensor:
        """(cos + 1) / 2, [B, D]."""
        return ((self.product / self.length + 1) / 2).flatten(1)


class _Weigh(torch.autograd.Function):
    """α [B, t, D] from by_head [B, H, L, d], z [B, L, t·r] and the tensors of t weighings, one after the other."""

    @staticmethod
    def forward(ctx: Any, by_head: Tensor, z: Tensor, prompt: Tensor | None, *tensors: Tensor) -> Tensor:
        """See the class."""
        alphas, kept, ctx.prompt = [], [], prompt
        ctx.keep = any(ctx.needs_input_grad) and _small(by_head, tensors)
        for z_i, one in _each(z, tensors):
            scores = _scores(by_head, z_i, one, prompt)
            top = scores.amax(-1, keepdim=True)
            p = scores.sub_(top).exp_()
            total = p.sum(-1, keepdim=True)
            lse = (top.to(one.own_lse.dtype) + total.to(one.own_lse.dtype).log()).squeeze(-1)
            attended = _attended(p.div_(total), by_head, z_i, one)
            alphas.append(_Cosine.of(lse, attended, one).alpha())
            kept += [lse, p, attended] if ctx.keep else [lse]
        ctx.save_for_backward(by_head, z, *tensors, *kept)
        ctx.given = 2 + len(tensors)
        return torch.stack(alphas, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by everything that needs one."""
        (by_head, z, *tensors), kept = ctx.saved_tensors[: ctx.given], ctx.saved_tensors[ctx.given :]
        by_h = torch.zeros_like(by_head) if ctx.needs_input_grad[0] else None
        by_z, by_tensors = torch.empty_like(z), []
        for i, (z_i, one) in enumerate(_each(z, tensors)):
            if ctx.keep:
                lse, p, attended = kept[3 * i : 3 * i + 3]
            else:
                lse = kept[i]
                p = _scores(by_head, z_i, one, ctx.prompt).sub_(lse.unsqueeze(-1).to(by_head.dtype)).exp_()
                attended = _attended(p, by_head, z_i, one)
            first = 3 + len(NAMES) * i
            needs = dict(zip(NAMES, ctx.needs_input_grad[first : first + len(NAMES)], strict=True))
            values = _Attention(p=p, by_head=by_head, z=z_i, attended=attended, one=one)
            by_lse, by_attended, outer = _backward_cosine(values, grads[0][:, i], lse, needs)
            here = by_z[..., i * z_i.shape[2] : (i + 1) * z_i.shape[2]]
            ds = _backward_attention(values, by_lse, by_attended, by_h, here)
            by_tensors += [*_backward_rows(values, ds, needs), *outer]
        return by_h, by_z, None, *by_tensors


def _small(by_head: Tensor, tensors: tuple[Tensor, ...]) -> bool:
    """Whether the probabilities and attended values of one adapter are small beside h."""
    (H, n, d), L = tensors[0].shape, by_head.shape[2]
    return H * n * (L + d) <= KEEP * L * H * d


def _each(z: Tensor, tensors: Sequence[Tensor]) -> list[tuple[Tensor, Weighing]]:
    """z_i [B, L, r] and the weighing of each adapter."""
    rows = [tensors[i : i + len(NAMES)] for i in range(0, len(tensors), len(NAMES))]
    ones = [Weighing(**dict(zip(NAMES, row, strict=True))) for row in rows]
    return list(zip(z.split(ones[0].up.shape[2], -1), ones, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Attention:
    """One adapter's attention: p [B, H, n, L] over by_head [B, H, L, d] and z [B, L, r], and what it gave."""

    p: Tensor
    by_head: Tensor
    z: Tensor
    attended: Tensor
    one: Weighing


def _backward_cosine(
    values: _Attention, grad: Tensor, lse: Tensor, needs: dict[str, bool]
) -> tuple[Tensor, Tensor, list[Tensor | None]]:
    """From the gradient by α [B, D]: those by lse, by the attended values, and by own, own_lse, key, up, shift.

    d cos / d a = k / |a| − cos · a / |a|², along the n tokens, with k of length 1.
    """
    one, cos = values.one, _Cosine.of(lse, values.attended, values.one)
    by_cos = (grad / 2).view_as(cos.length) / cos.length
    by_mixed = (by_cos * one.key).addcmul_(by_cos * cos.product / cos.length.square(), cos.attended, value=-1)
    by_lse = (by_mixed * cos.difference).sum(-1) * (cos.share * (1 - cos.share)).squeeze(-1)
    by_attended = cos.share * by_mixed
    outer: list[Tensor | None] = [None] * len(OUTER)
    if needs["own"]:
        outer[:2] = [(by_mixed - by_attended).sum(0), -by_lse.sum(0)]
    if needs["key"]:
        outer[2] = (by_cos * cos.attended).sum(0)
    if needs["up"]:
        on_z = _on_z(values.p, values.z).to(lse.dtype)
        outer[3] = torch.einsum("bhnd,bhnr->hdr", by_attended, on_z)
    if needs["shift"]:
        outer[4] = by_attended.sum((0, 2)).unsqueeze(1)
    return by_lse, by_attended, outer


def _backward_attention(
    values: _Attention, by_lse: Tensor, by_attended: Tensor, by_h: Tensor | None, by_z: Tensor
) -> Tensor:
    """Returns the gradient by the scores, dS [B, H, n, L]; adds to by_h [B, H, L, d] and fills by_z [B, L, r].

    As for any softmax attention, dS = p ⊙ (dp − Σ_l p dp + d lse), and Σ_l p dp is the product of the attended
    values and their gradient.
    """
    p, by_head, z, one = values.p, values.by_head, values.z, values.one
    B, H, n, L = p.shape
    constant = by_lse - (values.attended * by_attended).sum(-1)
    on_h = by_attended.to(p.dtype)
    on_z = (on_h @ one.up.to(p.dtype)).view(B, H * n, -1)
    ds = torch.matmul(on_h, by_head.transpose(2, 3)).view(B, H * n, L).baddbmm_(on_z, z.transpose(1, 2))
    ds = ds.view(B, H, n, L).add_(constant.unsqueeze(-1).to(p.dtype)).mul_(p)
    if by_h is not None:
        flat, query = by_h.view(B * H, L, -1), one.query.to(p.dtype).expand(B, -1, -1, -1)
        flat.baddbmm_(p.view(B * H, n, L).transpose(1, 2), on_h.reshape(B * H, n, -1))
        flat.baddbmm_(ds.view(B * H, n, L).transpose(1, 2), query.reshape(B * H, n, -1))
    through = one.on_z.to(p.dtype).expand(B, -1, -1)
    sums = torch.bmm(p.view(B, H * n, L).transpose(1, 2), on_z)
    by_z.copy_(sums.baddbmm_(ds.view(B, H * n, L).transpose(1, 2), through))
    return ds


def _backward_rows(values: _Attention, ds: Tensor, needs: dict[str, bool]) -> tuple[Tensor | None, ...]:
    """The gradients by query, on_z and on_shift, from the gradient by the scores."""
    wide = values.one.query.dtype
    by_query = torch.matmul(ds, values.by_head).sum(0, dtype=wide) if needs["query"] else None
    by_on_z = _on_z(ds, values.z).sum(0, dtype=wide).flatten(0, 1) if needs["on_z"] else None
    by_on_shift = ds.sum((0, 3), dtype=wide).unsqueeze(-1) if needs["on_shift"] else None
    return by_query, by_on_z, by_on_shift


def lift(base: Tensor, z: Tensor, alpha: Tensor, up: Tensor) -> Tensor:
    """base + Σ_i α_i ⊙ (U_i z_i): base [B, L, D], which is overwritten, z [B, L, t·r], α [B, t, D], U [D, t·r]."""
    lifted: Tensor = _Lift.apply(base, z, alpha, up)
    return lifted


class _Lift(torch.autograd.Function):
    """See `lift`.

    Each adapter's up-projection is weighted for each sample, W = α_i ⊙ U_i [B, D, r], and thrown away: kept for the
    backward pass are z, α and U alone.
    """

    @staticmethod
    def forward(ctx: Any, base: Tensor, z: Tensor, alpha: Tensor, up: Tensor) -> Tensor:
        """See the class."""
        ctx.save_for_backward(z, alpha, up)
        ctx.mark_dirty(base)
        r = up.shape[1] // alpha.shape[1]
        for z_i, alpha_i, up_i in zip(z.split(r, -1), alpha.unbind(1), up.split(r, -1), strict=True):
            base.baddbmm_(z_i, (alpha_i.unsqueeze(2) * up_i).transpose(1, 2))
        return base

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by base, z, α and U."""
        z, alpha, up = ctx.saved_tensors
        grad, r = grads[0].to(z.dtype), up.shape[1] // alpha.shape[1]
        by_z, by_alpha = torch.empty_like(z), torch.empty_like(alpha)
        by_up = torch.empty_like(up) if ctx.needs_input_grad[3] else None
        for i, (z_i, up_i) in enumerate(zip(z.split(r, -1), up.split(r, -1), strict=True)):
            here, alpha_i = slice(i * r, (i + 1) * r), alpha[:, i].unsqueeze(2)
            by_z[..., here] = torch.bmm(grad, alpha_i * up_i)
            by_weight = torch.bmm(grad.transpose(1, 2), z_i)  # [B, D, r]
            by_alpha[:, i] = (by_weight * up_i).sum(2)
            if by_up is not None:
                by_up[:, here] = (by_weight * alpha_i).sum(0)
        return grads[0], by_z, by_alpha, by_up
