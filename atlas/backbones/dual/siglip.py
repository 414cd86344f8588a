"""SigLIP: a text tower that reads in both directions, pooled at the last of all its positions, which may be padding."""

from __future__ import annotations

from torch import Tensor, nn
from transformers import PreTrainedModel, SiglipModel

from atlas.backbones.dual.backbone import DualBackbone


class SiglipBackbone(DualBackbone):
    """A frozen SiglipModel. Texts are padded to all its positions and padding is attended to, as it was trained.

    α attends to all of them too: a text's row is the same in every batch, and its padding carries what is pooled.
    """

    model_class = SiglipModel
    contrast = "sigmoid"

    @staticmethod
    def features_of(model: PreTrainedModel) -> int:
        return int(model.config.text_config.projection_size)

    def text_inputs(self, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        config = self.model.config.text_config
        missing = config.max_position_embeddings - tokens.shape[1]
        filled = tokens.masked_fill(~mask, config.pad_token_id)
        return {"input_ids": nn.functional.pad(filled, (0, missing), value=config.pad_token_id)}


BACKBONE = SiglipBackbone
