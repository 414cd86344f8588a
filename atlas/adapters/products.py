"""Matrix products with the weights of many adapters side by side, most of which are frozen.

One product is faster than one an adapter, but autograd would then compute the gradient of the whole: with one adapter
in training beside t − 1 frozen ones, t − 1 of t parts of it for nothing. Here each weight has its own gradient or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def project(h: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor] | None) -> Tensor:
    """h [B, L, D] times the rows of all weights, each [r_i, D], plus the biases, each [r_i]: [B, L, Σ r_i]."""
    bias = None if biases is None else torch.cat(tuple(biases))
    dtype = _precision(h)
    with torch.autocast(h.device.type, enabled=False):
        bias = None if bias is None else bias.to(dtype)
        projected: Tensor = _Project.apply(h.to(dtype), bias, *(weight.to(dtype) for weight in weights))
    return projected


def add_lifted(base: Tensor, z: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """base + z [W_1 … W_t]ᵀ: base [B, L, D], which is overwritten, z [B, L, Σ r_i] and weights [D, r_i]: [B, L, D]."""
    dtype = _precision(z)
    with torch.autocast(z.device.type, enabled=False):
        added: Tensor = _AddLifted.apply(base.to(dtype), z.to(dtype), *(weight.to(dtype) for weight in weights))
    return added


def lift(z: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """z [W_1 … W_t]ᵀ: z [B, L, Σ r_i] and weights [D, r_i]: [B, L, D]."""
    dtype = _precision(z)
    with torch.autocast(z.device.type, enabled=False):
        lifted: Tensor = _Lifted.apply(z.to(dtype), *(weight.to(dtype) for weight in weights))
    return lifted


def _precision(tensor: Tensor) -> torch.dtype:
    """The type that autocast would have used, or else that of the tensor."""
    device = tensor.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tensor.dtype


def _joined(weights: Sequence[Tensor], dim: int) -> Tensor:
    return weights[0] if len(weights) == 1 else torch.cat(tuple(weights), dim)


class _Project(torch.autograd.Function):
    """See `project`."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, bias: Tensor | None, *weights: Tensor) -> Tensor:
        """See the class."""
        trained = any(ctx.needs_input_grad[2:])
        ctx.save_for_backward(h if trained else None, *weights)
        return F.linear(h, _joined(weights, 0), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by h, the bias and each weight that is trained."""
        h, *weights = ctx.saved_tensors
        grad = grads[0].flatten(0, 1)
        by_h = (grad @ _joined(weights, 0)).view(*grads[0].shape[:2], -1) if ctx.needs_input_grad[0] else None
        by_bias = grad.sum(0) if ctx.needs_input_grad[1] else None
        by_weights: list[Tensor | None] = []
        for columns, needed in zip(grad.split([len(w) for w in weights], 1), ctx.needs_input_grad[2:], strict=True):
            by_weights.append(columns.t() @ h.flatten(0, 1) if needed else None)
        return by_h, by_bias, *by_weights


class _AddLifted(torch.autograd.Function):
    """See `add_lifted`."""

    @staticmethod
    def forward(ctx: Any, base: Tensor, z: Tensor, *weights: Tensor) -> Tensor:
        """See the class."""
        trained = any(ctx.needs_input_grad[2:])
        ctx.save_for_backward(z if trained else None, *weights)
        ctx.mark_dirty(base)
        base.flatten(0, 1).addmm_(z.flatten(0, 1), _joined(weights, 1).t())
        return base

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by base, z and each weight that is trained."""
        return grads[0], *_by_lifted(ctx.saved_tensors, grads[0], ctx.needs_input_grad[1:])


class _Lifted(torch.autograd.Function):
    """See `lift`."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, *weights: Tensor) -> Tensor:
        """See the class."""
        ctx.save_for_backward(z if any(ctx.needs_input_grad[1:]) else None, *weights)
        return F.linear(z, _joined(weights, 1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients by z and each weight that is trained."""
        return _by_lifted(ctx.saved_tensors, grads[0], ctx.needs_input_grad)


def _by_lifted(saved: Sequence[Tensor], by_lifted: Tensor, needed: Sequence[bool]) -> tuple[Tensor | None, ...]:
    """The gradients by z [B, L, Σ r_i] and by each weight, as far as they are needed; saved: z and the weights."""
    z, *weights = saved
    grad = by_lifted.flatten(0, 1)
    by_z = (grad @ _joined(weights, 1)).view(*by_lifted.shape[:2], -1) if needed[0] else None
    by_weights: list[Tensor | None] = []
    start = 0
    for weight, trained in zip(weights, needed[1:], strict=True):
        here = slice(start, start := start + weight.shape[1])
        by_weights.append(grad.t() @ z.flatten(0, 1)[:, here] if trained else None)
    return by_z, *by_weights
