"""The stack: the frozen backbone, one adapter a task, one head a task. The model M_t of METHOD, 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from atlas.adapters import AtlasConfig, AtlasModel, load_adapter
from atlas.backbones.vilt import Backbone
from atlas.data.loader import Batch
from atlas.errors import AtlasError


class Head(nn.Sequential):
    """Linear(D·images → 2·D·images) – LayerNorm – GELU – Linear(→ outputs) (METHOD, 3)."""

    def __init__(self, width: int, outputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__(nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, outputs))
        for module in self:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02, generator=generator)
                nn.init.zeros_(module.bias)


class Stack(nn.Module):
    """A frozen backbone with adapters and heads on it. `outputs` and `images` give each task's head its size."""

    def __init__(self, backbone: Backbone, outputs: dict[str, int], images: dict[str, int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.outputs, self.images = outputs, images
        self.heads = nn.ModuleDict()
        self.order: list[str] = []
        self._peft: list[PeftModel] = []  # in a list, so that its parameters are registered once, in backbone

    def forward(self, batch: Batch, task: str) -> Tensor:
        """Logits for `task` by the adapters that are active: [B, classes], or [B, choices]."""
        pooled = self.backbone(batch.pixels, batch.tokens, batch.mask)
        logits = self.heads[task](pooled.float())
        return logits[..., 0] if self.outputs[task] == 1 else logits[:, 0]

    def past(self, task: str) -> list[str]:
        """The tasks whose adapters `task` builds on, in order."""
        return [name for name in self.order if name != task]

    @property
    def peft(self) -> PeftModel:
        """The backbone as a PEFT model. Raises AtlasError where no adapter was added yet."""
        if not self._peft:
            raise AtlasError("this stack has no adapter yet")
        return self._peft[0]

    @property
    def adapters(self) -> AtlasModel:
        """The adapters of the stack. Raises as `peft` does."""
        model = self.peft.base_model
        assert isinstance(model, AtlasModel)
        return model

    def add_adapter(self, task: str, generator: torch.Generator, **settings: Any) -> None:
        """A new adapter for `task` on those of its past, drawn from `generator`.

        Queries over the past that `task` has learnt already (stage 1) are kept.
        """
        learnt = self._take_out(task)
        config = AtlasConfig(
            target_modules=list(self.backbone.sites), heads=self.backbone.heads, experience=self.past(task), **settings
        )
        if self._peft:
            self.peft.add_adapter(task, config)
        else:
            self._peft.append(get_peft_model(self.backbone.model, config, adapter_name=task))
        self.order.append(task)
        self.adapters.reset_adapter(task, generator)
        for name, queries in learnt.items():
            self.adapters.sites()[name].atlas_query_past[task].data.copy_(queries)
        self.backbone.to(self.device)

    def ensure_head(self, task: str, generator: torch.Generator) -> None:
        """A head for `task`, drawn from `generator`, unless it has one."""
        if task not in self.heads:
            head = Head(self.backbone.width * self.images[task], self.outputs[task], generator)
            self.heads[task] = head.to(self.device)

    def train_head(self, task: str) -> None:
        """Freeze everything but the head of `task`."""
        self.requires_grad_(False)
        self.heads[task].requires_grad_(True)

    def train_experience(self, task: str) -> None:
        """Stage 1: the head of `task` and its queries over the past."""
        self.train_head(task)
        self.adapters.train_experience(task)

    def train_expansion(self, task: str, *, query_past: bool = False) -> None:
        """Stage 2: the head of `task`, its adapter, key and own query; its queries over the past too if asked."""
        self.train_head(task)
        self.adapters.train_expansion(task)
        if query_past:
            for layer in self.adapters.sites().values():
                if task in layer.atlas_query_past:
                    layer.atlas_query_past[task].requires_grad_(True)

    def activate(self, task: str) -> None:
        """Route everything through the adapters and the queries that `task` was learnt with, if it has any."""
        if task in self.order:
            self.adapters.activate(task)

    def penalty(self, task: str, stage: Literal["experience", "expansion"]) -> Tensor:
        """λ Σ over sites of R(Q) + R(K), a scalar (METHOD, 3)."""
        return self.adapters.penalty(task, stage)

    @property
    def device(self) -> torch.device:
        """Where the backbone is."""
        return next(self.backbone.parameters()).device

    def save(self, task: str, folder: Path) -> None:
        """Write what `task` brought: `adapter/` in PEFT's format (if it has one) and `head.safetensors`."""
        if task in self.order:
            self.peft.save_pretrained(str(folder), selected_adapters=[task])
            (folder / task).rename(folder / "adapter")
            (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.heads[task].state_dict().items()}
        save_file(tensors, folder / "head.safetensors")

    def load(self, task: str, folder: Path) -> None:
        """The inverse of `save`, on top of what is loaded already; what `task` had is replaced.

        Raises:
            AtlasError: the folder does not hold what `save` writes, or what it builds on is not loaded.
        """
        if (folder / "adapter").is_dir():
            self._take_out(task)
            base = self.peft if self._peft else self.backbone.model
            self._peft[:] = [load_adapter(base, folder / "adapter", task)]
            self.order.append(task)
            self.activate(task)
        head = Head(self.backbone.width * self.images[task], self.outputs[task])
        head.load_state_dict(load_file(folder / "head.safetensors"))
        self.heads[task] = head
        self.to(self.device)

    def detach(self) -> None:
        """Give the backbone back as it was."""
        if self._peft:
            self.adapters.unload()
            self._peft.clear()
        self.order.clear()

    def _take_out(self, task: str) -> dict[str, Tensor]:
        """Remove the adapter of `task`, if it has one; gives its queries over the past, by site."""
        if task not in self.order:
            return {}
        sites = self.adapters.sites().items()
        queries = {
            name: site.atlas_query_past[task].detach().clone() for name, site in sites if task in site.atlas_query_past
        }
        self.order.remove(task)
        if self.order:
            self.activate(self.order[-1])
        self.peft.delete_adapter(task)
        return queries
