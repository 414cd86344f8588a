"""Idefics3 and SmolVLM: a SigLIP-like tower whose neighbouring patches are merged; an image is not split into tiles."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from atlas.backbones.generative.backbone import GenerativeBackbone

AROUND = "<fake_token_around_image>"
WHOLE = "<global-img>"


class Idefics3Backbone(GenerativeBackbone):
    """A frozen Idefics3ForConditionalGeneration or SmolVLMForConditionalGeneration."""

    decoder_name = "text_model"
    vision_name = "vision_model"
    vision_sites = r"encoder\.layers\.\d+\.(?:self_attn\.out_proj|mlp\.fc2)"

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
        states = whole.vision_model(pixel_values=values).last_hidden_state
        features: Tensor = whole.connector(states)
        return features


BACKBONE = Idefics3Backbone
