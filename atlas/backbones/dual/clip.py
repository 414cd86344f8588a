"""CLIP: a causal text tower, pooled at the first end-of-text token."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch import Tensor
from transformers import CLIPModel, PreTrainedModel

from atlas.adapters.scope import AlphaScope
from atlas.backbones.dual.backbone import DualBackbone


class ClipBackbone(DualBackbone):
    """A frozen CLIPModel. Tokens after the end of a text are padding, which nothing before them attends to.

    So does α, which would differ with the longest text of a batch (ADR 52).
    """

    model_class = CLIPModel

    @staticmethod
    def features_of(model: PreTrainedModel) -> int:
        return int(model.config.projection_dim)

    def text_inputs(self, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"input_ids": tokens.masked_fill(~mask, 0)}

    def text_scope(self, mask: Tensor) -> AbstractContextManager[None]:
        return AlphaScope(mask).open(self._model.text_model)


BACKBONE = ClipBackbone
