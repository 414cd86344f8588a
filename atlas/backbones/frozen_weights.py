"""The frozen weights of a backbone, held in the type of numbers in which they are computed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

# The modules whose weights autocast casts at every call; it leaves those of all others in float32.
CAST = (nn.Linear, _ConvNd)


class FrozenWeights:
    """The frozen weights of a model that autocast would cast at every forward pass, cast once by `hold`.

    Outputs and gradients are those of autocast to the bit, since it is given the numbers that it would have made.
    While they are held, the model works under autocast in that type alone: `suit` sees to it. The float32 originals are
    kept in the memory of the CPU, and `release` puts them back.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.dtype = torch.float32
        self._held: list[tuple[nn.Parameter, Tensor]] = []

    def hold(self, dtype: torch.dtype) -> None:
        """Hold the weights in `dtype`. Those that are trained, and those of another type than float32, stay."""
        if dtype is self.dtype:
            return
        self.release()
        if dtype is torch.float32:
            return
        self.dtype = dtype
        for module in self.model.modules():
            if isinstance(module, CAST):
                for value in module.parameters(recurse=False):
                    if not value.requires_grad and value.dtype is torch.float32:
                        self._held.append((value, value.data.cpu()))
                        value.data = value.data.to(dtype)

    def suit(self, device: torch.device) -> None:
        """Release the weights unless autocast computes in their type on the device."""
        if self._held and not (
            torch.is_autocast_enabled(device.type) and torch.get_autocast_dtype(device.type) is self.dtype
        ):
            self.release()

    def release(self) -> None:
        """Put the originals back, on the device that the weights are on now."""
        for value, original in self._held:
            value.data = original.to(value.device)
        self._held.clear()
        self.dtype = torch.float32
