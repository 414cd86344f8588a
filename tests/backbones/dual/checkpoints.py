"""Dual encoders with random weights, as `save_pretrained` writes them: no number of one tower is that of the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPModel, MetaClip2Config, MetaClip2Model, SiglipConfig, SiglipModel

WORDS = ("<start>", "<end>", "<unk>", "this", "is", "an", "image", "there", "what", "shape", "a", "the", "in", "no")
WORDS += ("red", "blue", "green", "circle", "star", "rectangle", "?", ".", "yes")
START, END = 0, 1
TEXT = {
    "vocab_size": len(WORDS),
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 16,
    "bos_token_id": START,
    "eos_token_id": END,
    "pad_token_id": END,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
CROPPED = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "do_center_crop": True}


def write_clip(folder: Path) -> Path:
    """A CLIPModel of 3 and 2 layers whose padding is its end-of-text, as the published ones have it."""
    return _write(folder, CLIPModel, _clip(TEXT), CROPPED)


def write_legacy_clip(folder: Path) -> Path:
    """The same, with a padding of its own, and with an end-of-text that is told by being the greatest number."""
    last = len(WORDS) - 1
    words = (*WORDS[:END], WORDS[last], *WORDS[END + 1 : last], WORDS[END])
    return _write(folder, CLIPModel, _clip(TEXT | {"eos_token_id": 2, "pad_token_id": START}), CROPPED, words)


def _clip(text: dict[str, int]) -> CLIPConfig:
    return CLIPConfig(text_config=text | {"projection_dim": 20}, vision_config=VISION, projection_dim=20)


def write_siglip(folder: Path) -> Path:
    """A SiglipModel of 3 and 2 layers; its text features are as wide as its vision tower."""
    config = SiglipConfig(text_config=TEXT | {"projection_size": VISION["hidden_size"]}, vision_config=VISION)
    return _write(folder, SiglipModel, config, {"image_mean": [0.5] * 3, "image_std": [0.5] * 3})


def write_metaclip_2(folder: Path) -> Path:
    """A MetaClip2Model of 3 and 2 layers, whose padding is another token than its end-of-text, as in the published."""
    text = TEXT | {"projection_dim": 20, "pad_token_id": WORDS.index("<unk>")}
    config = MetaClip2Config(text_config=text, vision_config=VISION, projection_dim=20)
    return _write(folder, MetaClip2Model, config, CROPPED)


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "clip": write_clip,
    "metaclip_2": write_metaclip_2,
    "siglip": write_siglip,
}


def _write(folder: Path, kind: type, config: object, images: dict[str, object], words: tuple[str, ...] = WORDS) -> Path:
    torch.manual_seed(0)
    model = kind(config)
    with torch.no_grad():  # as initialised, features hardly differ
        for value in model.parameters():
            if value.ndim > 1:
                value.normal_(std=0.3)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", START), ("<end>", words.index("<end>"))]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return folder
