"""Writes a pre-trained model as a Hugging Face checkpoint folder, with a card that states its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones.base import digest
from atlas.backbones.pretraining.curriculum import MAX_TOKENS
from atlas.backbones.pretraining.images import SIDE
from atlas.backbones.pretraining.plan import PretrainingPlan
from atlas.backbones.pretraining.tokens import SPECIALS, build_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

IMAGES = {"size": {"shortest_edge": SIDE}, "size_divisor": 16}
CARD = """---
license: apache-2.0
library_name: transformers
tags: [vilt, continual-learning]
---
# vilt-tiny

A ViLT of {parameters:,} parameters (hidden {config.hidden_size}, {config.num_hidden_layers} layers, \
{config.num_attention_heads} heads, pictures of {side} × {side} in patches of {config.patch_size}, {tokens} tokens), \
pre-trained from scratch on scenes of coloured shapes, drawn digits and sentences that
`atlas.backbones.pretraining` generates. No picture, question or answer of easy-VQA, of scikit-learn's digits or of
any other data set was used. It is meant for the offline suite: sweeps that run in minutes on a laptop.

Rebuild: `python -m atlas.backbones.pretraining --out FOLDER --updates {plan[updates]} --seed {plan[seed]}`
{origin}

Percent right on held-out images, by kind of example:

| {kinds} |
| {rule} |
| {figures} |

*dense*: hidden colours and shapes of a caption; *glance*: shape, colour and texture of each quadrant from the pooled
output; *ask*: questions; *judge*: statements that are true, false or unknown; *choose*: is this the answer?; *read*:
hidden words of true sentences; *text*: text alone; *digit*: drawn digits.

Settings: `{plan}`

digest: {digest}
"""


def write_folder(
    model: PreTrainedModel, folder: Path, *, plan: PretrainingPlan, figures: Mapping[str, float], minutes: float
) -> str:
    """Writes model, tokenizer, image settings and card into `folder`; returns the digest that the card states."""
    write_checkpoint(model, folder, build_tokenizer(), "ViltModel")
    write_json(folder / "tokenizer_config.json", _tokenizer_config())
    write_json(folder / "preprocessor_config.json", image_settings("ViltImageProcessor", IMAGES))
    found = digest(folder)
    card = CARD.format(
        config=model.config,
        parameters=sum(p.numel() for p in model.parameters()),
        side=SIDE,
        tokens=MAX_TOKENS,
        plan=asdict(plan),
        origin=_origin(plan, minutes),
        kinds=" | ".join(figures),
        rule=" | ".join("---" for _ in figures),
        figures=" | ".join(map(str, figures.values())),
        digest=found,
    )
    (folder / "README.md").write_text(card)
    return found


def _origin(plan: PretrainingPlan, minutes: float) -> str:
    if not plan.start:
        return f"({minutes:.0f} minutes on two cores when this one was made)."
    return (
        f"makes its like. This one was made in two sittings: its last phase ({minutes:.0f} minutes on two cores) was\n"
        f"run with `--start`, from earlier weights of the same script, with digest {plan.start[:12]}…"
    )


def _tokenizer_config() -> dict[str, object]:
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_TOKENS,
        **dict(zip(names, SPECIALS, strict=True)),
    }


def write_checkpoint(model: PreTrainedModel, folder: Path, tokenizer: Tokenizer, architecture: str) -> None:
    """Write weights, configuration and tokenizer as the hub has them, so that transformers loads an `architecture`."""
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"architectures": [architecture]})
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"))


def image_settings(processor: str, sizes: Mapping[str, object], **more: object) -> dict[str, object]:
    """What `preprocessor_config.json` says: values of 0 to 255 become -1 to 1, resized as `sizes` says; and `more`."""
    return {
        "image_processor_type": processor,
        **more,
        "do_resize": True,
        **sizes,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write a JSON file as the hub has it."""
    path.write_text(json.dumps(content, indent=2) + "\n")
