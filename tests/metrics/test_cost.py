from __future__ import annotations

import pytest

from atlas import metrics
from atlas.runtime.errors import AtlasError

SHAPE = metrics.Shape(width=4, depth=1, inner=8, tokens=2)


def test_parameters_are_the_products_of_the_shapes() -> None:
    assert metrics.parameters([(3, 4), (5,), ()]) == 18


def test_a_forward_pass_worked_out_by_hand() -> None:
    # projections 4 · 4² + MLP 2 · 4 · 8 + attention 2 · 2 · 4 = 144 multiplications a token; 2 · 144 · 2 tokens.
    assert metrics.forward_flops(SHAPE) == 576
    # A rank of 3 at two sites: 2 · (2 · 4 · 3 + 4 + 3) = 62 multiplications a token; 2 · 62 · 2 tokens.
    assert metrics.forward_flops(SHAPE, [3]) == 576 + 248
    assert metrics.forward_flops(SHAPE, [3, 3]) == 576 + 2 * 248


def test_the_projections_are_those_of_a_matrix_product() -> None:
    """Of a wide model with few tokens, nearly all is 2 · tokens · weights."""
    wide = metrics.Shape(width=1000, depth=2, inner=4000, tokens=3)
    weights = 2 * (4 * 1000**2 + 2 * 1000 * 4000)
    assert metrics.forward_flops(wide) == pytest.approx(2 * 3 * weights, rel=1e-3)


def test_learning_goes_through_the_backbone_twice_unless_the_head_alone_is_trained() -> None:
    assert metrics.step_flops(SHAPE, records=10, ranks=[3], trained=5) == 10 * (2 * 824 + 2 * 2 * 5)
    assert metrics.step_flops(SHAPE, records=10, trained=5, through=False) == 10 * (576 + 20)


def test_choices_and_pictures_are_passes() -> None:
    twice = metrics.Shape(width=4, depth=1, inner=8, tokens=2, passes=2)
    assert metrics.step_flops(twice, records=10, trained=5) == 2 * metrics.step_flops(SHAPE, records=10, trained=5)


def test_a_transformer_without_layers_is_refused() -> None:
    with pytest.raises(AtlasError, match="depth of a transformer is 0"):
        metrics.Shape(width=4, depth=0, inner=8, tokens=2)
