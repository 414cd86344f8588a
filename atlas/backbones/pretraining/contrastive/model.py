"""The pre-training model of `clip-tiny`, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from atlas.backbones.pretraining.contrastive.pairs import ContrastiveBatch
from atlas.backbones.pretraining.contrastive.tokens import END, MAX_TOKENS, PAD, START, build_tokenizer, token_number
from atlas.backbones.pretraining.curriculum import NONE
from atlas.backbones.pretraining.images import PARTS, PATCH, SIDE

LARGEST_SCALE = 100.0  # of the logits, as in CLIP's training


class ContrastiveModel(nn.Module):
    """A CLIP with the loss of its pre-training."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.model = CLIPModel(config)
        self.patch = nn.Linear(self.model.vision_embed_dim, sum(map(len, PARTS)))

    def forward(self, batch: ContrastiveBatch) -> dict[str, Tensor]:
        """The losses of a batch, scalars: of captions among captions, of a right text among its like, of patches."""
        count = len(batch.pixels)
        images, hidden = self._seen(torch.cat([batch.pixels, batch.choice_pixels]))
        scale = self.model.logit_scale.exp().clamp(max=LARGEST_SCALE)
        logits = scale * images[:count] @ self.texts(batch.tokens).T
        own = torch.eye(count, dtype=torch.bool)
        logits = logits.masked_fill(batch.same & ~own, -torch.inf)
        right = torch.arange(count)
        captions = nn.functional.cross_entropy(logits, right) + nn.functional.cross_entropy(logits.T, right)
        return {
            "captions": captions / 2,
            "choices": self._choice_loss(batch, images[count:], scale),
            "patches": self._patch_loss(hidden[:, 1:], batch.patches),
        }

    def _patch_loss(self, hidden: Tensor, patches: Tensor) -> Tensor:
        """Of hidden states [N, P, D] of patches, and what they show [N, P, 3]."""
        logits = self.patch(hidden).split([len(names) for names in PARTS], dim=-1)
        losses = [
            nn.functional.cross_entropy(part.flatten(0, 1), patches[..., i].flatten(), ignore_index=NONE)
            for i, part in enumerate(logits)
        ]
        return torch.stack(losses).sum()

    def _choice_loss(self, batch: ContrastiveBatch, images: Tensor, scale: Tensor) -> Tensor:
        texts = self.texts(batch.choice_tokens.flatten(0, 1)).unflatten(0, batch.choice_tokens.shape[:2])
        logits = scale * torch.einsum("bd,bcd->bc", images, texts)
        right = torch.zeros(len(logits), dtype=torch.long)
        return nn.functional.cross_entropy(logits, right)

    def images(self, pixels: Tensor) -> Tensor:
        """Features of length 1 [N, P] of uint8 pixels [N, 3, S, S]."""
        return self._seen(pixels)[0]

    def _seen(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Features of length 1 [N, P] and the hidden states [N, L, D] of the last layer."""
        out = self.model.get_image_features(pixel_values=pixels / 127.5 - 1)
        return nn.functional.normalize(out.pooler_output, dim=-1), out.last_hidden_state

    def texts(self, tokens: Tensor) -> Tensor:
        """Features of length 1 [N, P] of tokens [N, L]."""
        out = self.model.get_text_features(input_ids=tokens).pooler_output
        return nn.functional.normalize(out, dim=-1)


def tiny_config() -> CLIPConfig:
    """A CLIP of about a million parameters for pictures of 64 × 64 pixels."""
    return CLIPConfig(
        projection_dim=64,
        text_config={
            "vocab_size": build_tokenizer().get_vocab_size(),
            "hidden_size": 96,
            "intermediate_size": 384,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "max_position_embeddings": MAX_TOKENS,
            "projection_dim": 64,
            "pad_token_id": PAD,
            "bos_token_id": token_number(START),
            "eos_token_id": token_number(END),
        },
        vision_config={
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": SIDE,
            "patch_size": PATCH,
            "projection_dim": 64,
        },
    )
