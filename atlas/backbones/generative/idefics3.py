"""Idefics3 and SmolVLM: a SigLIP-like tower whose neighbouring patches are merged; an image is not split into tiles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from atlas.backbones.attention import attend_without_waiting
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.processor import Processor

AROUND = "<fake_token_around_image>"
WHOLE = "<global-img>"


class Idefics3Backbone(GenerativeBackbone):
    """A frozen Idefics3ForConditionalGeneration or SmolVLMForConditionalGeneration."""

    decoder_name = "text_model"
    vision_name = "vision_model"
    vision_sites = r"encoder\.layers\.\d+\.(?:self_attn\.out_proj|mlp\.fc2)"

    def __init__(self, model: PreTrainedModel, *, processor: Processor, digest: str) -> None:
        super().__init__(model, processor=processor, digest=digest)
        attend_without_waiting(getattr(self.model, self.vision_name), padding=False)

    def image_tokens(self) -> list[int]:
        """As their processors write one image that is not split."""
        prompts, count = self.processor.prompts, int(self.config["image_tokens"])
        assert prompts is not None
        written = f"{AROUND}{WHOLE}{prompts.image_token}{AROUND}"
        tokens = prompts.tokenizer.encode(written, add_special_tokens=False).ids
        place = tokens.index(self.image_id)
        return [*tokens[:place], *[self.image_id] * count, *tokens[place + 1 :]]

    def features(self, values: Tensor) -> Tensor:
        """Not by `get_image_features`, which takes an image of zeros for none."""
        whole: Any = self.model
        side = values.shape[-1] // whole.vision_model.patch_size
        patches = torch.ones(len(values), side, side, dtype=torch.bool, device=values.device)
        states = whole.vision_model(pixel_values=values, patch_attention_mask=patches).last_hidden_state
        features: Tensor = whole.connector(states)
        return features


BACKBONE = Idefics3Backbone
