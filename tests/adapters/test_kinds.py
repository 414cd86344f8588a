"""Contract of every adapter kind in the catalogue."""

from __future__ import annotations

import pytest
import torch

from atlas.adapters.kinds import KINDS


@pytest.mark.parametrize("name", sorted(KINDS))
def test_activation_maps_zero_to_zero(name: str) -> None:
    activation = KINDS[name].activation
    assert activation is None or activation(torch.zeros(3)).eq(0).all()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_same_generator_draws_the_same_weights(name: str) -> None:
    draws = []
    for _ in range(2):
        down, up = torch.empty(3, 8), torch.empty(6, 3)
        KINDS[name].draw(down, up, 0.02, torch.Generator().manual_seed(5))
        draws.append((down, up))
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])


def test_a_bottleneck_starts_with_the_given_standard_deviation() -> None:
    down, up = torch.empty(100, 300), torch.empty(300, 100)
    KINDS["bottleneck"].draw(down, up, 0.02, torch.Generator().manual_seed(0))
    assert down.std().item() == pytest.approx(0.02, rel=0.02)
    assert up.std().item() == pytest.approx(0.02, rel=0.02)


def test_lora_starts_as_the_identity_and_scales_by_alpha_over_r() -> None:
    down, up = torch.empty(4, 16), torch.ones(8, 4)
    KINDS["lora"].draw(down, up, 0.02, torch.Generator().manual_seed(0))
    assert up.eq(0).all()
    assert down.abs().max() <= 0.25
    assert KINDS["lora"].scale(4, 8.0) == 2.0
    assert KINDS["lora"].scale(4, None) == 1.0
    assert KINDS["bottleneck"].scale(4, 8.0) == 1.0
