"""The convolution over patches as a product."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from atlas.backbones.patches import as_product, over_patches


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("patch", "size"), [((4, 4), (8, 12)), ((2, 3), (5, 10))])
def test_it_equals_the_convolution(bias: bool, patch: tuple[int, int], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, patch, stride=patch, bias=bias).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    assert over_patches(conv)
    torch.testing.assert_close(as_product(conv, images), conv(images))


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(3, 4, 4, stride=2),
        nn.Conv2d(3, 4, 4, stride=4, padding=1),
        nn.Conv2d(4, 4, 2, stride=2, groups=2),
        nn.Conv2d(3, 4, 4, stride=4, dilation=2),
        nn.Linear(3, 4),
    ],
    ids=["overlapping", "padded", "grouped", "dilated", "linear"],
)
def test_others_are_no_convolution_over_patches(module: nn.Module) -> None:
    assert not over_patches(module)
