"""ViLT, frozen and fast: Hugging Face's weights and module names, with our own patch embedding and attention."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import ViltConfig, ViltModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.vilt.modeling_vilt import ViltSelfAttention

from atlas.runtime.errors import AtlasError

if TYPE_CHECKING:
    from atlas.backbones.processor import Processor

IMAGES = 2  # pictures that a record may have: the modality embeddings are text, first and second picture


class FusedSelfAttention(ViltSelfAttention):
    """HF's self-attention through `scaled_dot_product_attention`; the same parameters under the same names."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor]:
        """hidden_states [B, L, D]; attention_mask bool [B, 1, 1, L], True where a token may be attended to."""
        if output_attentions:
            raise AtlasError("fused attention keeps no attention maps: output_attentions must be False.")
        shape = (*hidden_states.shape[:-1], self.num_attention_heads, self.attention_head_size)
        query, key, value = (
            project(hidden_states).view(shape).transpose(1, 2) for project in (self.query, self.key, self.value)
        )
        dropout = self.dropout.p if self.training else 0.0
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attention_mask, dropout)
        return (attended.transpose(1, 2).flatten(2),)


class FastVilt(ViltModel):
    """A ViltModel for full, square images: no loop over images, no random order of patches, fused attention.

    The pooled output is that of `ViltModel` on the same weights, up to rounding.
    """

    # The heads of published checkpoints, which a backbone has no use for.
    _keys_to_ignore_on_load_unexpected = ["mlm_score", "itm_score", "rank_output", "classifier", "position_ids"]  # noqa: RUF012

    def __init__(self, config: ViltConfig) -> None:
        super().__init__(config)
        for layer in self.encoder.layer:
            layer.get_submodule("attention").register_module("attention", FusedSelfAttention(config))

    def embed_images(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, S, S] -> patch embeddings with the class token first [N, 1 + patches, D]."""
        embeddings = self.embeddings
        patches = embeddings.patch_embeddings(pixels).flatten(2).transpose(1, 2)
        first = embeddings.cls_token.expand(len(patches), -1, -1)
        return embeddings.dropout(torch.cat([first, patches], dim=1) + embeddings.position_embeddings)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        image_embeds: Tensor,
        token_type_ids: Tensor | None = None,
        image_token_type_idx: int = 1,
    ) -> BaseModelOutputWithPooling:
        """input_ids and attention_mask [N, L], image_embeds [N, P, D] from `embed_images` -> pooler_output [N, D]."""
        embeddings = self.embeddings
        text = embeddings.text_embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        modality = embeddings.token_type_embeddings.weight
        hidden = torch.cat([text + modality[0], image_embeds + modality[image_token_type_idx]], dim=1)
        seen = nn.functional.pad(attention_mask.bool(), (0, image_embeds.shape[1]), value=True)[:, None, None, :]
        for layer in self.encoder.layer:
            (hidden,) = layer(hidden, seen)
        hidden = self.layernorm(hidden)
        assert self.pooler is not None
        return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=self.pooler(hidden))


class Backbone(nn.Module):
    """A frozen ViLT and its processor: uint8 pixels and tokens in, pooled outputs out.

    Adapters are put into `model` in place (PEFT does so); everything else stays as it was loaded.
    """

    # The modules whose outputs are sites (METHOD.md, 1), as suffixes for PEFT's `target_modules`.
    sites: tuple[str, ...] = ("attention.output.dense", "output.dense")

    def __init__(self, model: FastVilt, *, processor: Processor, digest: str) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.digest = digest
        self.width: int = model.config.hidden_size
        self.heads: int = model.config.num_attention_heads
        self.depth: int = model.config.num_hidden_layers
        scale, mean = (255 * torch.tensor(v).view(3, 1, 1) for v in (processor.std, processor.mean))
        self.pixel_mean, self.pixel_scale = (nn.Buffer(v, persistent=False) for v in (mean, scale))

    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """pixels uint8 [B, I, 3, S, S], tokens [B, C, L], mask bool [B, C, L] -> pooled [B, C, I * D].

        The C choices of a record are folded into the batch; its I images are passes with modality 1 to I.
        """
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

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 [..., 3, S, S] -> (pixels / 255 - mean) / std, in the type of the weights."""
        dtype = self.model.embeddings.cls_token.dtype
        return ((pixels - self.pixel_mean) / self.pixel_scale).to(dtype)


def load_vilt(folder: Path, *, digest: str) -> Backbone:
    """The backbone in that folder: a ViltModel's checkpoint, or that of a ViLT with a head, such as masked words.

    Raises AtlasError where weights are missing or cannot be read.
    """
    from atlas.backbones.processor import Processor

    return Backbone(load_model(folder), processor=Processor.load(folder), digest=digest)


def load_model(folder: Path) -> FastVilt:
    """The model alone, in float32, without dropout, and with a modality embedding for each picture (the published
    NLVR2 model's way: a new row is a copy of the first picture's)."""
    try:
        config = ViltConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        loaded: Any = FastVilt.from_pretrained(folder, config=config, dtype=torch.float32, output_loading_info=True)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise AtlasError(f"backbone folder {folder} cannot be read as a ViLT: {error}") from error
    model, report = loaded
    if report["missing_keys"] or report["mismatched_keys"]:
        lacking = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
        raise AtlasError(f"backbone folder {folder}: weights lack {', '.join(lacking[:4])} ({len(lacking)} in all).")
    _extend_modalities(model)
    return model


def _extend_modalities(model: FastVilt) -> None:
    known = model.embeddings.token_type_embeddings.weight.detach()
    if len(known) > IMAGES:
        return
    rows = torch.cat([known, known[1:2].expand(IMAGES + 1 - len(known), -1)])
    model.embeddings.token_type_embeddings = nn.Embedding.from_pretrained(rows.clone(), freeze=False)
    model.config.modality_type_vocab_size = len(rows)
