"""LLaVA-1.5: a CLIP or SigLIP tower, whose states below its top are projected into the prompt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.config import used_layers
from atlas.backbones.processor import Processor
from atlas.runtime.errors import UserError

ENCODERS = ("clip_vision_model", "siglip_vision_model")


class LlavaBackbone(GenerativeBackbone):
    """A frozen LlavaForConditionalGeneration, without the parts of its vision tower above the states that it takes."""

    decoder_name = "language_model"
    vision_name = "vision_tower"
    vision_sites = r"encoder\.layers\.\d+\.(?:self_attn\.out_proj|mlp\.fc2)"

    def __init__(self, model: PreTrainedModel, *, processor: Processor, digest: str) -> None:
        tower: Any = model.model.vision_tower
        if tower.config.model_type not in ENCODERS:
            raise UserError(
                f"backbone folder {processor.folder}: its vision tower is a {tower.config.model_type!r}; known are: "
                f"{', '.join(ENCODERS)}."
            )
        config = model.config
        layers = used_layers(tower.config.num_hidden_layers, config.vision_feature_layer)
        self_layers: int | list[int] = layers[0] if isinstance(config.vision_feature_layer, int) else layers
        _cut(tower, max(layers))
        super().__init__(model, processor=processor, digest=digest)
        self.feature_layer = self_layers

    def image_tokens(self) -> list[int]:
        return [self.image_id] * int(self.config["image_tokens"])

    def features(self, values: Tensor) -> Tensor:
        whole: Any = self.model
        return torch.stack(
            whole.get_image_features(pixel_values=values, vision_feature_layer=self.feature_layer).pooler_output
        )


def _cut(tower: Any, depth: int) -> None:
    """Leave out what takes no part in the states after `depth` layers: a group of workers could not tune it."""
    del tower.encoder.layers[depth:]
    tower.config.num_hidden_layers = depth
    tower.post_layernorm = nn.Identity()
    if getattr(tower, "use_head", False):
        tower.use_head = False
        del tower.head


BACKBONE = LlavaBackbone
