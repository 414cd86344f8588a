"""Writes a contrastively pre-trained model as a Hugging Face checkpoint folder, with a card that states its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones.base import digest
from atlas.backbones.pretraining.card import image_settings, write_checkpoint, write_json
from atlas.backbones.pretraining.contrastive.plan import ContrastivePlan
from atlas.backbones.pretraining.contrastive.tokens import END, MAX_TOKENS, START, build_tokenizer
from atlas.backbones.pretraining.images import PATCH, SIDE

if TYPE_CHECKING:
    from transformers import CLIPModel

IMAGES = {"size": {"height": SIDE, "width": SIDE}, "do_center_crop": False}
CARD = """---
license: apache-2.0
library_name: transformers
tags: [clip, continual-learning]
---
# clip-tiny

A CLIP of {parameters:,} parameters (vision: hidden {vision.hidden_size}, {vision.num_hidden_layers} layers, \
{vision.num_attention_heads} heads; text: hidden {text.hidden_size}, {text.num_hidden_layers} layers, \
{text.num_attention_heads} heads; features of {features}; pictures of {side} × {side} in patches of {patch}, {tokens} \
tokens), in half precision, pre-trained from scratch on scenes of coloured shapes, drawn digits and texts that
`atlas.backbones.pretraining` generates. No picture, question or answer of easy-VQA, of scikit-learn's digits or of
any other data set was used. It is meant for the offline suite: sweeps that run in minutes on a laptop.

Rebuild: `python -m atlas.backbones.pretraining.contrastive --out FOLDER --updates {plan[updates]} --seed {plan[seed]}`
({minutes:.0f} minutes of processor time when this one was made).

Percent right on held-out generated images: a caption among the {plan[size]} of a batch {figures[captions]}, the right \
one of three texts that compete {figures[choices]}.

Settings: `{plan}`

digest: {digest}
"""


def write_folder(
    model: CLIPModel, folder: Path, *, plan: ContrastivePlan, figures: Mapping[str, float], minutes: float
) -> str:
    """Writes model, tokenizer, image settings and card into `folder`; returns the digest that the card states."""
    parameters = sum(p.numel() for p in model.parameters())
    write_checkpoint(model.half(), folder, build_tokenizer(), "CLIPModel")
    write_json(folder / "tokenizer_config.json", _tokenizer_config())
    write_json(folder / "preprocessor_config.json", image_settings("CLIPImageProcessor", IMAGES))
    found = digest(folder)
    card = CARD.format(
        parameters=parameters,
        vision=model.config.vision_config,
        text=model.config.text_config,
        features=model.config.projection_dim,
        side=SIDE,
        patch=PATCH,
        tokens=MAX_TOKENS,
        plan=asdict(plan),
        minutes=minutes,
        figures=figures,
        digest=found,
    )
    (folder / "README.md").write_text(card)
    return found


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_TOKENS,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "bos_token": START,
        "eos_token": END,
    }
