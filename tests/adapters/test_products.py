"""Products with many weights, of which some are trained."""

from __future__ import annotations

import torch

from atlas.adapters import products


def _random(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_() for shape in shapes]


def test_projection_and_its_gradients() -> None:
    h, first, second, b_1, b_2 = _random((2, 3, 4), (2, 4), (1, 4), (2,), (1,))
    out = products.project(h, [first, second], [b_1, b_2])
    torch.testing.assert_close(out, torch.cat([h @ first.T + b_1, h @ second.T + b_2], 2))
    assert torch.autograd.gradcheck(
        lambda h, u, v, a, b: products.project(h, [u, v], [a, b]), (h, first, second, b_1, b_2)
    )


def test_lift_and_its_gradients() -> None:
    base, z, first, second = _random((2, 3, 4), (2, 3, 3), (4, 2), (4, 1))
    out = products.add_lifted(base.clone(), z, [first, second])
    torch.testing.assert_close(out, base + z[..., :2] @ first.T + z[..., 2:] @ second.T)
    assert torch.autograd.gradcheck(
        lambda base, z, *weights: products.add_lifted(base.clone(), z, weights), (base, z, first, second)
    )


def test_frozen_weights_get_no_gradient_and_keep_nothing() -> None:
    h, first, second = _random((2, 3, 4), (2, 4), (1, 4))
    first.requires_grad_(False)
    second.requires_grad_(False)
    kept: list[torch.Size] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = products.project(h, [first, second], None)
    out.sum().backward()
    assert h.shape not in kept
    assert first.grad is None
    assert h.grad is not None
