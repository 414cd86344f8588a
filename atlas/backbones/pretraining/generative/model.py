"""The pre-training model of `vlm-tiny`: transformers' LLaVA, the loss of its answers, and that of its patches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from atlas.backbones.pretraining.curriculum import NONE
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import PATCHES, TurnBatch
from atlas.backbones.pretraining.generative.tokens import END, IMAGE, PAD, START, token_number, vocabulary
from atlas.backbones.pretraining.images import PARTS, PATCH, SIDE

POSITIONS = 64 + PATCHES  # of a prompt with one image: as many as rows have, and a few more
PATCH_WEIGHT = 0.3  # of the patches' loss beside the answers'


@dataclass(frozen=True, kw_only=True)
class TurnTensors:
    """The arrays of a TurnBatch, and of its images pixels uint8 [N, 3, S, S] and patches int64 [N, P, 3]: what each
    patch shows, as numbers in PARTS, NONE for digits."""

    pixels: Tensor
    patches: Tensor
    starts: Tensor
    tokens: Tensor
    positions: Tensor
    segments: Tensor
    targets: Tensor


@dataclass(frozen=True, kw_only=True)
class ImageBank:
    """The images that batches show: pixels uint8 [N, 3, S, S] and patches int8 [N, P, 3] on one device."""

    pixels: Tensor
    patches: Tensor

    def tensors(self, batch: TurnBatch) -> TurnTensors:
        """The batch on the images' device."""
        device = self.pixels.device
        names = [field.name for field in fields(TurnTensors) if field.name not in ("pixels", "patches")]
        sent = {name: _sent(getattr(batch, name), device) for name in names}
        images = _sent(batch.images, device)
        return TurnTensors(pixels=self.pixels[images], patches=self.patches[images].long(), **sent)


class GenerativeModel(nn.Module):
    """A LLaVA with the losses of its pre-training."""

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__()
        self.model = LlavaForConditionalGeneration(config)
        self.patch = nn.Linear(self.model.model.vision_tower.config.hidden_size, sum(map(len, PARTS)))

    def forward(self, batch: TurnTensors) -> dict[str, Tensor]:
        """The losses of a batch, scalars: of the answers' tokens and of what patches show."""
        logits, seen = self._answers(batch)
        losses = {"answers": nn.functional.cross_entropy(logits.float(), batch.tokens.flatten()[batch.targets])}
        if len(batch.pixels):
            losses["patches"] = PATCH_WEIGHT * self._patch_loss(seen, batch.patches)
        return losses

    @torch.no_grad()
    def hits(self, batch: TurnTensors) -> Tensor:
        """Whether each token of the answers is the likeliest one after those before it, bool [T]. If all of an answer's
        are, greedy decoding writes that answer, and otherwise another one."""
        logits, _ = self._answers(batch)
        return logits.argmax(-1) == batch.tokens.flatten()[batch.targets]

    def _answers(self, batch: TurnTensors) -> tuple[Tensor, Tensor]:
        """Logits [T, V] of the answers' tokens, and the hidden states [N, P, D] of patches."""
        model = self.model.model
        embeds = model.get_input_embeddings()(batch.tokens)
        flat, seen = embeds.flatten(0, 1), embeds.new_zeros(0)
        if len(batch.pixels):
            out = model.vision_tower(pixel_values=batch.pixels / 127.5 - 1)
            seen = out.last_hidden_state[:, 1:]
            features = model.multi_modal_projector(seen).flatten(0, 1)
            places = (batch.starts[:, None] + torch.arange(PATCHES, device=flat.device)).flatten()
            flat = flat.index_copy(0, places, features.to(flat.dtype))
        hidden = model.language_model(
            inputs_embeds=flat.view_as(embeds),
            attention_mask=visible(batch.segments),
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        return self.model.lm_head(hidden.flatten(0, 1)[batch.targets - 1]), seen

    def _patch_loss(self, hidden: Tensor, patches: Tensor) -> Tensor:
        """Of hidden states [N, P, D] of patches, and what they show [N, P, 3]."""
        logits = self.patch(hidden).float().split([len(names) for names in PARTS], dim=-1)
        losses = [
            nn.functional.cross_entropy(part.flatten(0, 1), patches[..., i].flatten(), ignore_index=NONE)
            for i, part in enumerate(logits)
        ]
        return torch.stack(losses).sum()


def visible(segments: Tensor) -> Tensor:
    """bool [B, 1, L, L]: each token sees those before it, and itself, that all turns see or that are of its turn."""
    one, other = segments[:, :, None], segments[:, None, :]
    length = segments.shape[1]
    before = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return (before & ((other == 0) | (one == other)))[:, None]


def model_config(plan: GenerativePlan) -> LlavaConfig:
    """A LLaVA of a few million parameters for pictures of 64 × 64 pixels."""
    shape: dict[str, Any] = {
        "hidden_size": plan.width,
        "num_hidden_layers": plan.layers,
        "num_attention_heads": plan.width // 32,
    }
    vision = CLIPVisionConfig(
        intermediate_size=4 * plan.width, image_size=SIDE, patch_size=PATCH, projection_dim=plan.width, **shape
    )
    text = LlamaConfig(
        vocab_size=len(vocabulary()),
        intermediate_size=3 * plan.width,
        max_position_embeddings=POSITIONS,
        initializer_range=0.05,
        tie_word_embeddings=True,
        pad_token_id=token_number(PAD),
        bos_token_id=token_number(START),
        eos_token_id=token_number(END),
        **shape,
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=token_number(IMAGE),
        image_seq_length=PATCHES,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )


def _sent(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory().to(device, non_blocking=True)
    return tensor.long()
