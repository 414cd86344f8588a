"""The pre-training model of `vilt-tiny`: FastVilt with the heads of its pre-training objectives."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import ViltConfig

from atlas.backbones.pretraining.curriculum import MAX_TOKENS, NONE, PretrainingBatch
from atlas.backbones.pretraining.examples import ANSWERS
from atlas.backbones.pretraining.images import PARTS, PATCH, SIDE
from atlas.backbones.pretraining.tokens import PAD, vocabulary
from atlas.backbones.vilt.model import FastVilt

# Objective -> logits [N, classes] and targets [N], NONE where there is none.
Predictions = dict[str, tuple[Tensor, Tensor]]


class PretrainingModel(nn.Module):
    """The model with the heads of the pre-training objectives, which are discarded afterwards."""

    def __init__(self, config: ViltConfig) -> None:
        super().__init__()
        width, outputs = config.hidden_size, sum(map(len, PARTS))
        self.model = FastVilt(config)
        self.word = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.word_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.answer = nn.Linear(width, len(ANSWERS))
        self.part = nn.Linear(width, 4 * outputs)
        self.patch = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))
        self.middle = torch.empty(0)  # hidden states [B, L, D] after half of the layers
        self.model.encoder.layer[config.num_hidden_layers // 2 - 1].register_forward_hook(self._keep)

    def forward(self, batch: PretrainingBatch) -> Predictions:
        """Logits [N, classes] and targets [N] (or NONE) of hidden words, answers, quadrants' and patches' parts."""
        pixels = batch.pixels / 127.5 - 1
        images = self.model.embed_images(pixels)
        out = self.model(input_ids=batch.tokens, attention_mask=batch.mask, image_embeds=images)
        length, pooled = batch.tokens.shape[1], out.pooler_output
        hidden = batch.words != NONE
        embeddings = self.model.get_input_embeddings().weight
        words = nn.functional.linear(self.word(out.last_hidden_state[:, :length][hidden]), embeddings, self.word_bias)
        return {
            "word": (words, batch.words[hidden]),
            "answer": (self.answer(pooled), batch.answers),
            **_by_part("quadrant", self.part(pooled).unflatten(1, (4, -1)), batch.parts),
            **_by_part("patch", self.patch(self.middle[:, length + 1 :]), batch.patches),
        }

    def continue_from(self, start: FastVilt) -> None:
        """Load a model's weights; the heads stay as they are. One modality of an image is enough here."""
        weights = start.state_dict()
        modality = "embeddings.token_type_embeddings.weight"
        self.model.load_state_dict(weights | {modality: weights[modality][:2]})

    def predict_patches(self, pixels: Tensor, patches: Tensor) -> Predictions:
        """The predictions of patches [B, P, 3], from images alone through half of the layers."""
        hidden = self.model.embed_images(pixels / 127.5 - 1)
        hidden = hidden + self.model.embeddings.token_type_embeddings.weight[1]
        for layer in self.model.encoder.layer[: len(self.model.encoder.layer) // 2]:
            (hidden,) = layer(hidden)
        return _by_part("patch", self.patch(hidden[:, 1:]), patches)

    def _keep(self, _module: nn.Module, _inputs: object, output: tuple[Tensor]) -> None:
        (self.middle,) = output


def _by_part(objective: str, logits: Tensor, targets: Tensor) -> Predictions:
    """logits [B, P, all parts] and targets [B, P, 3] as a pair for each of PARTS."""
    split = logits.split([len(names) for names in PARTS], dim=-1)
    return {f"{objective} {i}": (part.flatten(0, 1), targets[..., i].flatten()) for i, part in enumerate(split)}


def tiny_config() -> ViltConfig:
    """A ViLT of about a million parameters for pictures of 64 × 64 pixels."""
    return ViltConfig(
        vocab_size=len(vocabulary()),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=MAX_TOKENS,
        image_size=SIDE,
        patch_size=PATCH,
        initializer_range=0.06,
        max_image_length=-1,
        pad_token_id=PAD,
    )
