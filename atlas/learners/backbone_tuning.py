"""Tuning of the backbone's own weights: freezing, saving, loading, and restoring the pre-trained values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted

FILE = "backbone.safetensors"


class BackboneTuning:
    """The parameters of a backbone by name, and the pre-trained values of the changed ones.

    The backbone is shared by all steps of a worker, so that all changes must be undone by `restore`.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self.parameters: dict[str, nn.Parameter] = dict(backbone.model.named_parameters())
        self._pretrained: dict[str, Tensor] = {}

    def train(self, frozen: int) -> None:
        """Mark everything as trained, but for the `frozen` lowest layers and, below them, the embeddings.

        Raises UserError for more layers than there are, and for weights of another type than float32.
        """
        if not 0 <= frozen <= self.backbone.depth:
            raise UserError(
                f"{counted(frozen, 'layer')} {by_number(frozen, 'is', 'are')} to be frozen; the backbone "
                f"has {self.backbone.depth}: give 0 to that."
            )
        self.backbone.frozen.release()
        if any(parameter.dtype is not torch.float32 for parameter in self.parameters.values()):
            raise UserError("the backbone's weights are too coarse to be tuned: give --weights float32.")
        for name, parameter in self.parameters.items():
            if not self._is_below(name, frozen):
                self._keep(name)
                parameter.requires_grad_(True)

    @property
    def tuned(self) -> bool:
        """Whether weights are trained, or were loaded from a step that trained them."""
        return bool(self._pretrained)

    @property
    def pretrained(self) -> Mapping[str, Tensor]:
        """The pre-trained values of the parameters that are trained, or were loaded, by name. Not to be changed."""
        return self._pretrained

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are marked as trained, by name."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.requires_grad}

    def save(self, folder: Path) -> None:
        """Write the trained parameters, in float32; no file where there are none."""
        tensors = {name: value.detach().cpu().float().contiguous() for name, value in self.trained().items()}
        if tensors:
            save_file(tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        """Load the parameters that `save` wrote, if it wrote any. Raises UserError for another model's weights."""
        if not (folder / FILE).is_file():
            return
        tensors = load_file(folder / FILE)
        if unexpected := sorted(tensors.keys() - self.parameters.keys()):
            raise UserError(f"{folder / FILE} holds {unexpected[0]!r}, which this backbone lacks: it is of another.")
        for name, value in tensors.items():
            self._keep(name)
            self.parameters[name].data.copy_(value)

    def restore(self) -> None:
        """Restore the pre-trained values exactly, and freeze everything."""
        for name, value in self._pretrained.items():
            self.parameters[name].data.copy_(value)
        self._pretrained.clear()
        for parameter in self.parameters.values():
            parameter.requires_grad_(False)
            parameter.grad = None

    def _keep(self, name: str) -> None:
        if name not in self._pretrained:
            with torch.no_grad():
                self._pretrained[name] = self.parameters[name].detach().clone()

    def _is_below(self, name: str, frozen: int) -> bool:
        """Whether a parameter lies below layer number `frozen`."""
        layer = self.backbone.layer_of(name)
        return frozen > 0 and layer is not None and layer < frozen
