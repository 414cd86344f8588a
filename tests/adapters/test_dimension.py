"""The hand-written backward passes of the dimension weighting."""

from __future__ import annotations

import pytest
import torch

from atlas.adapters import dimension


def _arguments(seed: int = 0) -> tuple[torch.Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    # h [2, 3, 4]; z [2, 3, 2]; query and key [3, 4]; up [4, 2]; shift [4]
    shapes = ((2, 3, 4), (2, 3, 2), (3, 4), (3, 4), (4, 2), (4,))
    return tuple(torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_() for shape in shapes)


def _alpha(h: torch.Tensor, z: torch.Tensor, *one: torch.Tensor) -> torch.Tensor:
    return dimension.weigh(h, z, [dimension.prepare(*one, heads=2)])


@pytest.mark.parametrize("keep", [0.0, 1e9], ids=["made again", "kept"])
def test_gradients_of_the_weights_are_the_numerical_ones(monkeypatch: pytest.MonkeyPatch, keep: float) -> None:
    monkeypatch.setattr(dimension, "KEEP", keep)
    assert torch.autograd.gradcheck(_alpha, _arguments())


def test_gradients_of_the_lift_are_the_numerical_ones() -> None:
    h, z, *_, up, _ = _arguments()
    alpha = torch.rand(2, 1, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda h, *rest: dimension.lift(h.clone(), *rest), (h, z, alpha, up))


def test_large_scores_do_not_overflow() -> None:
    h, z, *one = _arguments()
    alpha = _alpha(1e4 * h, 1e4 * z, *one)
    gradients = torch.autograd.grad(alpha.sum(), [h, z, *one])
    assert alpha.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients)
