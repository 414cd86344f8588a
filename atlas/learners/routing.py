"""Routers over the experts of a mixture of LoRAs at the sites of a backbone, one a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from atlas.adapters.layer import AtlasLayer
from atlas.learners.site_combination import SiteCombination, mean_over

FILE = "routing.safetensors"
LEAST_NOISE = 0.01


class Router(nn.Module):
    """A task's router at one site: gates over E experts from the mean of the site's input over its tokens.

        g = softmax(top_k(x̄ W + ε ⊙ (softplus(x̄ V) + 0.01))),   ε = 0 unless it is trained, else N(0, 1)

    Noisy top-k gating (Shazeer et al., 2017). W starts as N(0, 0.02), V as 0.
    """

    def __init__(self, width: int, experts: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, experts).normal_(0, 0.02, generator=generator))
        self.noise = nn.Parameter(torch.zeros(width, experts))

    def forward(self, mean: Tensor, top: int) -> Tensor:
        """x̄ [B, in] -> gates [B, E], of which `top` are not 0, and add up to 1."""
        logits = mean @ self.weight
        if torch.is_grad_enabled() and self.weight.requires_grad:
            spread = nn.functional.softplus(mean @ self.noise) + LEAST_NOISE
            logits = logits + torch.randn_like(logits) * spread
        found = logits.topk(top, dim=-1)
        return torch.zeros_like(logits).scatter(-1, found.indices, found.values.softmax(-1).to(logits.dtype))


class Routing(SiteCombination):
    """The routers of all tasks so far over the experts of one adapter, `top` of which answer a record.

    Expert e of E is the e-th part of equal rank of the adapter's LoRA: out = h + Σ_e g_e B_e A_e x, with the gates of
    the task that is answered, and h alone for a task that has no router. On a decoder the gates are those of the
    prompt. `frozen`: by site, bool [E], the experts that no task trains any more. `chosen`: while it is not None, by
    site, how many records each expert has answered [E].
    """

    by_task: ClassVar[bool] = True

    def __init__(self, widths: Mapping[str, int], *, experts: int, top: int) -> None:
        """widths: that of the input of each site."""
        super().__init__()
        self.widths, self.experts, self.top = dict(widths), experts, top
        self.routers = nn.ModuleDict()
        self.frozen = {site: torch.zeros(experts, dtype=torch.bool) for site in widths}
        self.chosen: dict[str, Tensor] | None = None
        self.task = ""

    def add(self, task: str, generator: torch.Generator | None = None) -> nn.Module:
        """A new router for `task` at every site, drawn from `generator`."""
        routers = nn.ModuleList(Router(width, self.experts, generator) for width in self.widths.values())
        self.routers[task] = routers
        return routers

    def answer(self, task: str) -> None:
        self.task = task

    def install(self, layers: Mapping[str, AtlasLayer]) -> None:
        for site in self.widths:

            def combine(
                name: str, x: Tensor, h: Tensor, layer: AtlasLayer = layers[site], site: str = site
            ) -> tuple[Tensor, Tensor]:
                if self.task not in self.routers:
                    return h, h.new_zeros(len(h), self.experts)
                gates = self._gates(site, layer, x)
                return mixed(layer, name, x, h, gates), gates

            vars(layers[site])["combine"] = combine  # not by setattr: a site is a module, and owns no others

    def _gates(self, site: str, layer: AtlasLayer, x: Tensor) -> Tensor:
        """[B, E] of the site's input [B, L, in]; kept for the tokens that follow, where the site's scope keeps α."""
        scope, kept = layer.scope, f"{site}/gates"
        if scope is not None and kept in scope.kept:
            return scope.kept[kept]
        routers = self.routers[self.task]
        assert isinstance(routers, nn.ModuleList)
        with torch.autocast(x.device.type, enabled=False):
            mean = mean_over(x.float(), None if scope is None else scope.prompt)
            gates: Tensor = routers[list(self.widths).index(site)](mean, self.top)
        if scope is not None and scope.keeps:
            scope.kept[kept] = gates
        if self.chosen is not None:
            self.chosen[site] = self.chosen[site] + (gates > 0).sum(0)
        return gates

    def save(self, folder: Path) -> None:
        tensors = {
            f"router/{task}/{site}/{name}": value.detach().cpu().contiguous()
            for task, routers in self.routers.items()
            for site, router in zip(self.widths, routers.children(), strict=True)
            for name, value in router.state_dict().items()
        }
        frozen = {f"frozen/{site}": mask.float() for site, mask in self.frozen.items()}
        save_file(tensors | frozen, folder / FILE, metadata={"top": str(self.top)})


def mixed(layer: AtlasLayer, name: str, x: Tensor, h: Tensor, gates: Tensor) -> Tensor:
    """h + Σ_e g_e B_e A_e x [B, L, D], by the LoRA `name` of a site and gates [B, E]."""
    down, up = layer.atlas_down[name], layer.atlas_up[name]
    by_rank = gates.repeat_interleave(len(down) // gates.shape[1], dim=1)
    z = nn.functional.linear(x, down)
    return h + nn.functional.linear(z * by_rank[:, None].to(z.dtype), up)


def load_routing(folder: Path, layers: Mapping[str, AtlasLayer]) -> Routing | None:
    """The routing that `Routing.save` wrote for these sites; None where there is none."""
    if not (folder / FILE).is_file():
        return None
    tensors = load_file(folder / FILE)
    with safe_open(folder / FILE, framework="pt") as file:
        top = int(file.metadata()["top"])
    frozen = {name.removeprefix("frozen/"): value > 0 for name, value in tensors.items() if name.startswith("frozen/")}
    experts = len(next(iter(frozen.values())))
    routing = Routing({name: layer.in_features for name, layer in layers.items()}, experts=experts, top=top)
    routing.frozen = {site: frozen[site] for site in routing.widths}
    for task in sorted({name.split("/")[1] for name in tensors if name.startswith("router/")}):
        for site, router in zip(routing.widths, routing.add(task).children(), strict=True):
            router.load_state_dict({name: tensors[f"router/{task}/{site}/{name}"] for name in router.state_dict()})
    return routing
