"""A fast ViLT: Hugging Face's weights and module names, with its own patch embedding and fused attention."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViltConfig, ViltModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.vilt.modeling_vilt import ViltSelfAttention

from atlas.backbones.checkpoint import load_whole
from atlas.runtime.errors import UserError

IMAGES = 2  # images that a record may have: the modality embeddings are text, first and second image


class FusedSelfAttention(ViltSelfAttention):
    """HF's self-attention through `scaled_dot_product_attention`; the same parameters under the same names."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, output_attentions: bool = False
    ) -> tuple[Tensor]:
        """hidden_states [B, L, D]; attention_mask bool [B, 1, 1, L], True where a token may be attended to."""
        if output_attentions:
            raise UserError("fused attention keeps no attention maps: output_attentions must be False.")
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

    # The heads of published checkpoints, which a backbone does not need.
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


def load_model(folder: Path) -> FastVilt:
    """The model alone, in float32, without dropout, and with a modality embedding for each image.

    As in the published NLVR2 model, a new row is a copy of the first image's. Raises UserError where weights are
    missing or cannot be read.
    """
    try:
        config = ViltConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    except (OSError, ValueError) as error:
        raise UserError(f"backbone folder {folder} cannot be read as a ViLT: {error}") from error
    model: FastVilt = load_whole(FastVilt, folder, named="a ViLT", config=config, dtype=torch.float32)
    _extend_modalities(model)
    return model


def _extend_modalities(model: FastVilt) -> None:
    known = model.embeddings.token_type_embeddings.weight.detach()
    if len(known) > IMAGES:
        return
    rows = torch.cat([known, known[1:2].expand(IMAGES + 1 - len(known), -1)])
    model.embeddings.token_type_embeddings = nn.Embedding.from_pretrained(rows.clone(), freeze=False)
    model.config.modality_type_vocab_size = len(rows)
