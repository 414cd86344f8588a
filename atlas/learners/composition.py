"""AdapterFusion's composition at the sites of a backbone: attention over what each adapter gives alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from atlas.adapters.fused import fused
from atlas.adapters.layer import AtlasLayer

FILE = "composition.safetensors"
SPREAD = 0.02


class SiteAttention(nn.Module):
    """Attention over adapters at one site of width D (Pfeiffer et al., 2021, 2.3), for each token:

        s = softmax_n(hᵀ Q Kᵀ z_n),   out = (Σ_n s_n z_n)ᵀ V

    h is the site's output and z_n what adapter n makes of it. V starts as the identity, Q and K as N(0, 0.02).
    """

    def __init__(self, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.query, self.key = (nn.Parameter(_drawn(width, generator)) for _ in range(2))
        self.value = nn.Parameter(torch.eye(width))

    def forward(self, h: Tensor, outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """h [B, L, D] and t outputs [B, L, D] -> out [B, L, D] and the mean attention over the tokens, [B, t]."""
        z = torch.stack(list(outputs), dim=2)
        wanted = h @ self.query @ self.key.T
        attention = torch.einsum("bld,bltd->blt", wanted, z).softmax(-1)
        out = torch.einsum("blt,bltd->bld", attention, z) @ self.value
        return out, attention.mean(1)

    def penalty(self) -> Tensor:
        """‖V − I‖², a scalar: how far the values have gone from what the adapters say."""
        return (self.value - torch.eye(len(self.value), device=self.value.device)).square().sum()


class Composition(nn.Module):
    """The attention of every site over the adapters `names`, in that order."""

    def __init__(self, names: Sequence[str], widths: Mapping[str, int], generator: torch.Generator | None = None):
        super().__init__()
        self.names = list(names)
        self.places = list(widths)
        self.sites = nn.ModuleList(SiteAttention(width, generator) for width in widths.values())

    def install(self, layers: Mapping[str, AtlasLayer]) -> None:
        """Have the sites combine the adapters by this attention, until `remove`."""
        for place, site in zip(self.places, self.sites, strict=True):
            layer = layers[place]

            def fuse(x: Tensor, h: Tensor, *_: Any, layer: AtlasLayer = layer, site: nn.Module = site) -> Any:
                return site(h, [fused(x, h, *layer.stack(name))[0] for name in self.names])

            vars(layer)["fuse"] = fuse  # not by setattr: a site is a module, and owns no others

    def penalty(self) -> Tensor:
        """Σ over the sites of ‖V − I‖²."""
        return torch.stack([site.penalty() for site in self.sites]).sum()  # type: ignore[operator]

    def save(self, folder: Path) -> None:
        """Write the attention of every site, and which adapters it is over."""
        tensors = {
            f"{place}/{name}": value.detach().cpu().contiguous()
            for place, site in zip(self.places, self.sites, strict=True)
            for name, value in site.state_dict().items()
        }
        save_file(tensors, folder / FILE, metadata={"adapters": json.dumps(self.names)})


def load_composition(folder: Path, layers: Mapping[str, AtlasLayer]) -> Composition | None:
    """What `Composition.save` wrote for these sites; None where it wrote nothing."""
    if not (folder / FILE).is_file():
        return None
    with safe_open(folder / FILE, framework="pt") as file:
        names = json.loads(file.metadata()["adapters"])
        composition = Composition(names, {place: layer.out_features for place, layer in layers.items()})
        for place, site in zip(composition.places, composition.sites, strict=True):
            site.load_state_dict({name: file.get_tensor(f"{place}/{name}") for name in site.state_dict()})
    return composition


def remove(layers: Mapping[str, AtlasLayer]) -> None:
    """Have the sites combine their adapters as their own rule says."""
    for layer in layers.values():
        vars(layer).pop("fuse", None)


def _drawn(width: int, generator: torch.Generator | None) -> Tensor:
    return torch.empty(width, width).normal_(0, SPREAD, generator=generator)
