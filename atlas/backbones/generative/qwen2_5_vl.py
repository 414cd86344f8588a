"""Qwen2.5-VL: a tower with windows of attention, positions of three axes; images of one fixed size."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel

from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.qwen_tower import ImageTower
from atlas.backbones.generative.sequences import Sequences
from atlas.backbones.processor import Processor


class QwenBackbone(GenerativeBackbone):
    """A frozen Qwen2_5_VLForConditionalGeneration."""

    decoder_name = "language_model"
    vision_name = "visual"
    vision_sites = r"blocks\.\d+\.(?:attn\.proj|mlp\.down_proj)"

    def __init__(self, model: PreTrainedModel, *, processor: Processor, digest: str) -> None:
        super().__init__(model, processor=processor, digest=digest)
        self.images = ImageTower(self.model.visual, side=math.isqrt(int(self.config["image_tokens"])))

    def image_tokens(self) -> list[int]:
        return [self.image_id] * int(self.config["image_tokens"])

    def features(self, values: Tensor) -> Tensor:
        """By the tower's own modules: its `forward` asks the device for what is known of images of one size."""
        features: Tensor = self.images(self.model.visual, self._patches(values), len(values))
        return features

    def _patches(self, values: Tensor) -> Tensor:
        """Images [N, 3, S, S] -> [patches, 3 · frames · p · p], those to be merged beside each other.

        As the model's own processor has them: an image is a film of the same frame, `temporal_patch_size` times.
        """
        config = self.config["vision_config"]
        patch, merge, frames = (config[name] for name in ("patch_size", "spatial_merge_size", "temporal_patch_size"))
        groups = values.shape[-1] // (patch * merge)
        blocks = values.view(len(values), 3, groups, merge, patch, groups, merge, patch)
        blocks = blocks.permute(0, 2, 5, 3, 6, 1, 4, 7)[:, :, :, :, :, :, None]
        return blocks.expand(-1, -1, -1, -1, -1, -1, frames, -1, -1).reshape(-1, 3 * frames * patch * patch)

    def positions(self, sequences: Sequences) -> Tensor:
        """[3, N, L]: of a text's token its number on all axes; of an image's token the number of the image's first one,
        on the latter two axes with its row and column. The text goes on after the image's longer side.
        """
        side = math.isqrt(int(self.config["image_tokens"]))
        own = sequences.images
        within, first = own >= 0, own == 0
        step = torch.where(within, first * side, sequences.mask)
        start = step.cumsum(1) - step - torch.where(within & ~first, side, 0)
        rows, columns = (torch.where(within, one, 0) for one in (own // side, own % side))
        return torch.stack([start, start + rows, start + columns])


BACKBONE = QwenBackbone
