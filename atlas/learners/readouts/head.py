"""The readout `head`: a classifier over the pooled output."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.learners.readouts import HEAD, check_answers
from atlas.learners.readouts.readout import AnswerForm, Readout


class Head(nn.Sequential, Readout):
    """Linear(D·images → 2·D·images) – LayerNorm – GELU – Linear(→ outputs) (METHOD, 3)."""

    name: ClassVar[str] = HEAD

    def __init__(self, width: int, outputs: int, generator: torch.Generator | None = None) -> None:
        super().__init__(nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, outputs))
        self.outputs = outputs
        for module in self:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02, generator=generator)
                nn.init.zeros_(module.bias)

    @classmethod
    def build(cls, backbone: Backbone, form: AnswerForm, generator: torch.Generator | None = None) -> Head:
        check_answers(cls.name, {form.task: form.kind})
        return cls(backbone.pooled_width(form.images), form.outputs, generator)

    def logits(self, pooled: Tensor) -> Tensor:
        """Those of the first text, or one a text where texts compete."""
        scored: Tensor = self(pooled)
        return scored[..., 0] if self.outputs == 1 else scored[:, 0]
