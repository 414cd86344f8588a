"""ViLT as a frozen backbone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from atlas.backbones.backbone import Backbone
from atlas.backbones.insertion import before_layers
from atlas.backbones.processor import Processor
from atlas.backbones.vilt.model import FastVilt, load_model


class ViltBackbone(Backbone):
    """A frozen ViLT and its processor; its sites are the outputs of attention and MLP of every layer."""

    model: FastVilt
    sites = ("attention.output.dense", "output.dense")

    def __init__(self, model: FastVilt, *, processor: Processor, digest: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.digest = digest
        self.width = self.prompt_width = model.config.hidden_size
        self.heads = model.config.num_attention_heads
        self.depth = model.config.num_hidden_layers
        scale, mean = (255 * torch.tensor(v).view(3, 1, 1) for v in (processor.std, processor.mean))
        self.pixel_mean, self.pixel_scale = (nn.Buffer(v, persistent=False) for v in (mean, scale))

    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """The C choices are folded into the batch, the I images are passes with modality 1 to I."""
        (batch, images), choices = pixels.shape[:2], tokens.shape[1]
        tokens, mask = tokens.flatten(0, 1), mask.flatten(0, 1)
        pooled = []
        for image in range(images):
            patches = self.model.embed_images(self.normalise(pixels[:, image]))
            if choices > 1:
                patches = patches.repeat_interleave(choices, dim=0)
            out = self.model(
                input_ids=tokens, attention_mask=mask, image_embeds=patches, image_token_type_idx=image + 1
            )
            pooled.append(out.pooler_output.view(batch, choices, -1))
        return torch.cat(pooled, dim=-1)

    def prompted(self, prompts: Tensor) -> AbstractContextManager[None]:
        """Before the text and the image's patches, in every pass."""
        return before_layers(list(self.model.encoder.layer), prompts)

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 [..., 3, S, S] -> (pixels / 255 - mean) / std, in the type of the weights."""
        dtype = self.model.embeddings.cls_token.dtype
        return ((pixels - self.pixel_mean) / self.pixel_scale).to(dtype)

    def layer_of(self, parameter: str) -> int | None:
        parts = parameter.split(".")
        if parts[0] == "embeddings":
            return -1
        return int(parts[2]) if parts[:2] == ["encoder", "layer"] else None


def load_backbone(folder: Path, *, digest: str) -> ViltBackbone:
    """The backbone in that folder: a ViltModel's checkpoint, or that of a ViLT with a head, such as masked words.

    Raises UserError where weights are missing or cannot be read.
    """
    return ViltBackbone(load_model(folder), processor=Processor.load(folder), digest=digest)
