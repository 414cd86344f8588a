"""The convolution over an image's patches as one product: the patches do not overlap, so each is a row of it."""

from __future__ import annotations

from typing import TypeGuard

from torch import Tensor, nn
from torch.nn import functional as F


def over_patches(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a module is a convolution over patches that neither overlap nor are padded."""
    if not isinstance(module, nn.Conv2d) or module.groups != 1:
        return False
    return module.stride == module.kernel_size and module.padding in ("valid", (0, 0)) and module.dilation == (1, 1)


def as_product(conv: nn.Conv2d, images: Tensor) -> Tensor:
    """As the convolution, up to rounding: images [N, C, H·p, W·p], or more, which is cut off, -> [N, D, H, W]."""
    (p, q), (n, channels) = conv.kernel_size, images.shape[:2]
    rows, columns = images.shape[2] // p, images.shape[3] // q
    cut = images[:, :, : rows * p, : columns * q].reshape(n, channels, rows, p, columns, q)
    patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(n, rows, columns, channels * p * q)
    return F.linear(patches, conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)
