"""The backbone's own weights while a learner changes them: what is trained, what is kept, how they come back."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from atlas.backbones.vilt import Backbone
from atlas.runtime.errors import AtlasError

FILE = "backbone.safetensors"


class BackboneTuning:
    """The parameters of a backbone by name, and the values that the changed ones had before.

    The backbone is shared by all steps of a worker, so whatever was changed must be given back by `restore`.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.depth = backbone.depth
        self.parameters: dict[str, nn.Parameter] = dict(backbone.model.named_parameters())
        self._before: dict[str, Tensor] = {}

    def train(self, frozen: int) -> None:
        """Mark everything as trained, but for the `frozen` lowest layers and, below them, the embeddings.

        Raises AtlasError for more layers than there are.
        """
        if not 0 <= frozen <= self.depth:
            raise AtlasError(f"{frozen} layers are to be frozen; the backbone has {self.depth}: give 0 to that.")
        for name, parameter in self.parameters.items():
            if not _below(name, frozen):
                self._keep(name)
                parameter.requires_grad_(True)

    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are marked as trained, by name."""
        return {name: parameter for name, parameter in self.parameters.items() if parameter.requires_grad}

    def save(self, folder: Path) -> None:
        """Write what is trained, in float32; nothing where nothing is."""
        tensors = {name: value.detach().cpu().float().contiguous() for name, value in self.trained().items()}
        if tensors:
            save_file(tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        """Put what `save` wrote in place, if it wrote anything. Raises AtlasError for another model's weights."""
        if not (folder / FILE).is_file():
            return
        tensors = load_file(folder / FILE)
        if strange := sorted(tensors.keys() - self.parameters.keys()):
            raise AtlasError(f"{folder / FILE} holds {strange[0]!r}, which this backbone has not: it is of another.")
        for name, value in tensors.items():
            self._keep(name)
            self.parameters[name].data.copy_(value)

    def restore(self) -> None:
        """Give the backbone back exactly as it was, frozen."""
        for name, value in self._before.items():
            self.parameters[name].data.copy_(value)
        self._before.clear()
        for parameter in self.parameters.values():
            parameter.requires_grad_(False)
            parameter.grad = None

    def _keep(self, name: str) -> None:
        if name not in self._before:
            with torch.no_grad():
                self._before[name] = self.parameters[name].detach().clone()


def _below(name: str, frozen: int) -> bool:
    """Whether a parameter lies below layer number `frozen`."""
    if frozen == 0:
        return False
    parts = name.split(".")
    return parts[0] == "embeddings" or (parts[:2] == ["encoder", "layer"] and int(parts[2]) < frozen)
