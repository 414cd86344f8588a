"""Writes a model that answers in words as a Hugging Face checkpoint folder, with a card that states its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones.base import digest
from atlas.backbones.pretraining.card import image_settings, write_checkpoint, write_json
from atlas.backbones.pretraining.contrastive.card import IMAGES
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.rows import PATCHES
from atlas.backbones.pretraining.generative.tokens import CHAT, END, IMAGE, PAD, SPECIALS, START, build_tokenizer
from atlas.backbones.pretraining.images import PATCH, SIDE

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

MAX_TOKENS = 64  # of a prompt, without its images
CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
tags: [llava, continual-learning]
---
# vlm-tiny

A LLaVA of {parameters:,} parameters (vision tower: CLIP's, hidden {plan[width]}, {plan[layers]} layers; projector of \
two linear layers; decoder: Llama's, hidden {plan[width]}, {plan[layers]} layers, {words} tokens; pictures of \
{side} × {side} in patches of {patch}, {patches} tokens an image), in half precision, pre-trained from scratch on \
questions about scenes of coloured shapes and drawn digits, and on texts without an image, that
`atlas.backbones.pretraining` generates. No picture, question or answer of easy-VQA, of scikit-learn's digits or of any
other data set was used. It is meant for the offline suite: sweeps that run in minutes on a laptop.

It reads and writes lower case. A word of the offline suite is one token; any other text is characters, or bytes. A
prompt is `<s><user><image>is there a circle ?<assistant>`, with an `<image>` for each image, and the answer ends with
`</s>`: so the chat template has it.

Rebuild: `python -m atlas.backbones.pretraining.generative --out FOLDER --updates {plan[updates]} --seed {plan[seed]}`
({minutes:.1f} minutes on one {hardware} when this one was made; on another machine it makes its like.)

Percent of held-out questions whose answer greedy decoding writes exactly, by kind:

| {kinds} |
| {rule} |
| {figures} |

*ask*: questions about one image; *judge*: statements that are true, false or unknown; *describe*: colour and shape of
every quadrant; *name*: colour and shape of one shape; *compare*: questions about two images; *digit*: drawn digits;
*text*: texts that are to be completed, some with several right ends; *say*: texts that are to be repeated.

Settings: `{plan}`

digest: {digest}
"""


def write_folder(
    model: LlavaForConditionalGeneration,
    folder: Path,
    *,
    plan: GenerativePlan,
    figures: Mapping[str, float],
    minutes: float,
    hardware: str,
) -> str:
    """Writes model, tokenizer, processor and card into `folder`; returns the digest that the card states."""
    parameters = sum(p.numel() for p in model.parameters())
    tokenizer = build_tokenizer()
    write_checkpoint(model.half(), folder, tokenizer, "LlavaForConditionalGeneration")
    (folder / "chat_template.jinja").write_text(CHAT)
    write_json(folder / "tokenizer_config.json", _tokenizer_config())
    write_json(
        folder / "preprocessor_config.json",
        image_settings("CLIPImageProcessor", IMAGES, processor_class="LlavaProcessor"),
    )
    write_json(folder / "processor_config.json", _processor_config())
    found = digest(folder)
    card = CARD.format(
        parameters=parameters,
        words=tokenizer.get_vocab_size(),
        side=SIDE,
        patch=PATCH,
        patches=PATCHES,
        plan=asdict(plan),
        minutes=minutes,
        hardware=hardware,
        kinds=" | ".join(figures),
        rule=" | ".join("---" for _ in figures),
        figures=" | ".join(map(str, figures.values())),
        digest=found,
    )
    (folder / "README.md").write_text(card)
    return found


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_TOKENS,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "pad_token": PAD,
        "bos_token": START,
        "eos_token": END,
        "image_token": IMAGE,
        "extra_special_tokens": {"image_token": IMAGE},
        "additional_special_tokens": list(SPECIALS[4:]),
    }


def _processor_config() -> dict[str, object]:
    return {
        "processor_class": "LlavaProcessor",
        "image_token": IMAGE,
        "patch_size": PATCH,
        "num_additional_image_tokens": 1,
        "vision_feature_select_strategy": "default",
    }
