"""Generative models with random weights of each class, as `save_pretrained` writes them, with a small tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)

SPECIAL = ("<s>", "</s>", "<pad>", "<unk>", "<image>", "<fake_token_around_image>", "<global-img>")
WORDS = ("USER:", "ASSISTANT:", "this", "is", "an", "image", "there", "what", "shape", "a", "the", "in", "no", "yes")
WORDS += ("red", "blue", "green", "circle", "star", "rectangle", "?", ".")
VOCABULARY = (*SPECIAL, *WORDS)
START, END, PAD, UNKNOWN, IMAGE = range(5)
TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] %}"
    "{{ '<image> . ' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ ' ASSISTANT:' }}{% endif %}"
)
TEXT = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": START,
    "eos_token_id": END,
    "pad_token_id": PAD,
}
VISION = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "image_size": 32,
    "patch_size": 8,
}
QWEN_VISION = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "depth": 3,
    "num_heads": 3,
    "patch_size": 4,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 16,
    "out_hidden_size": 32,
    "fullatt_block_indexes": [1],
}
IMAGES: dict[str, Any] = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}


def write_llava(folder: Path) -> Path:
    """A LlavaForConditionalGeneration of a CLIP tower of 3 layers, the last of which it leaves out."""
    config = LlavaConfig(
        text_config={"model_type": "llama", **TEXT},
        vision_config={"model_type": "clip_vision_model", **VISION},
        image_token_index=IMAGE,
        image_seq_length=16,
    )
    return write(folder, LlavaForConditionalGeneration(config), IMAGES | {"do_center_crop": True})


def write_idefics3(folder: Path) -> Path:
    config = Idefics3Config(
        text_config={"model_type": "llama", **TEXT}, vision_config=VISION, image_token_id=IMAGE, scale_factor=2
    )
    return write(folder, Idefics3ForConditionalGeneration(config), IMAGES)


def write_smolvlm(folder: Path) -> Path:
    config = SmolVLMConfig(
        text_config={"model_type": "llama", **TEXT}, vision_config=VISION, image_token_id=IMAGE, scale_factor=2
    )
    return write(folder, SmolVLMForConditionalGeneration(config), IMAGES)


def write_qwen(folder: Path) -> Path:
    """A Qwen2_5_VLForConditionalGeneration whose images have 4 × 4 tokens, within a budget of 32 × 32 pixels."""
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": rope}, vision_config=QWEN_VISION, image_token_id=IMAGE
    )
    return write(folder, Qwen2_5_VLForConditionalGeneration(config), IMAGES | {"max_pixels": 32 * 32 + 5})


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "llava": write_llava,
    "idefics3": write_idefics3,
    "smolvlm": write_smolvlm,
    "qwen2_5_vl": write_qwen,
}


def write(folder: Path, model: PreTrainedModel, images: dict[str, Any]) -> Path:
    """Write a model with random weights, large enough that images and texts matter, and its tokenizer and template."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.normal_(std=0.3, generator=source)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    build_tokenizer().save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**special, "chat_template": TEMPLATE}))
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return folder


def build_tokenizer() -> Tokenizer:
    """Words, and the special tokens wherever they stand in a text."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", START)])
    return tokenizer
