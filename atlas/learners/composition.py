"""AdapterFusion's attention over each adapter's output, at the sites of a backbone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from atlas.adapters import constants
from atlas.adapters.layer import AtlasLayer
from atlas.learners.site_combination import SiteCombination, mean_over

FILE = "composition.safetensors"
QUERY_KEY_STD = 0.02


class SiteAttention(nn.Module):
    """Attention over adapters at one site of width D (Pfeiffer et al., 2021, 2.3), for each token:

        s = softmax_n(hᵀ Q Kᵀ z_n),   out = (Σ_n s_n z_n)ᵀ V

    h is the site's output and z_n that of adapter n on it. V starts as the identity, Q and K as N(0, 0.02).
    """

    def __init__(self, width: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.query, self.key = (nn.Parameter(_drawn(width, generator)) for _ in range(2))
        self.value = nn.Parameter(torch.eye(width))

    def forward(self, h: Tensor, outputs: Sequence[Tensor], prompt: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """h [B, L, D] and t outputs [B, L, D] -> out [B, L, D] and the mean attention over the tokens, [B, t].

        prompt: bool [B, L], the tokens of that mean; None for all.
        """
        z = torch.stack(list(outputs), dim=2)
        queried = h @ self.query @ self.key.T
        attention = torch.einsum("bld,bltd->blt", queried, z).softmax(-1)
        out = torch.einsum("blt,bltd->bld", attention, z) @ self.value
        return out, mean_over(attention, prompt)

    def penalty(self) -> Tensor:
        """‖V − I‖², a scalar: the distance of the values from passing the adapters' outputs through."""
        return (self.value - constants.identity(len(self.value), self.value.device, self.value.dtype)).square().sum()


class Composition(SiteCombination):
    """The attention of every site over the adapters `names`, in that order."""

    def __init__(self, names: Sequence[str], widths: Mapping[str, int], generator: torch.Generator | None = None):
        super().__init__()
        self.names = list(names)
        self.site_names = list(widths)
        self.sites = nn.ModuleList(SiteAttention(width, generator) for width in widths.values())

    def install(self, layers: Mapping[str, AtlasLayer]) -> None:
        for site_name, site in zip(self.site_names, self.sites, strict=True):
            layer = layers[site_name]

            def combine(_: str, x: Tensor, h: Tensor, layer: AtlasLayer = layer, site: nn.Module = site) -> Any:
                outputs = [AtlasLayer.combine(layer, name, x, h)[0] for name in self.names]
                return site(h, outputs, None if layer.scope is None else layer.scope.prompt)

            vars(layer)["combine"] = combine  # not by setattr: a site is a module, and owns no others

    def penalty(self) -> Tensor:
        """Σ over the sites of ‖V − I‖²."""
        return torch.stack([site.penalty() for site in self.sites]).sum()  # type: ignore[operator]

    def save(self, folder: Path) -> None:
        """Write the attention of every site and the names of its adapters."""
        tensors = {
            f"{site_name}/{name}": value.detach().cpu().contiguous()
            for site_name, site in zip(self.site_names, self.sites, strict=True)
            for name, value in site.state_dict().items()
        }
        save_file(tensors, folder / FILE, metadata={"adapters": json.dumps(self.names)})


def load_attention(folder: Path, layers: Mapping[str, AtlasLayer]) -> Composition | None:
    """The attention that `Composition.save` wrote for these sites; None where there is none."""
    if not (folder / FILE).is_file():
        return None
    with safe_open(folder / FILE, framework="pt") as file:
        names = json.loads(file.metadata()["adapters"])
        composition = Composition(names, {name: layer.out_features for name, layer in layers.items()})
        for site_name, site in zip(composition.site_names, composition.sites, strict=True):
            site.load_state_dict({name: file.get_tensor(f"{site_name}/{name}") for name in site.state_dict()})
    return composition


def _drawn(width: int, generator: torch.Generator | None) -> Tensor:
    return torch.empty(width, width).normal_(0, QUERY_KEY_STD, generator=generator)
