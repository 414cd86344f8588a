"""Backbones with random weights at published sizes, as checkpoint folders, and a task prepared for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
    ViltConfig,
    ViltModel,
)

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.data.prepare import prepare
from atlas.learners.task_data import TaskData
from atlas.steps.train import open_task
from atlas.tasks import find_task

WORDS = locate("vilt-tiny")  # whose tokenizer all of them have
TASK = "digits"
SPECIAL = ("<image>", "<s>", "</s>")  # of a decoder, after the words
TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endfor %}"
)


@dataclass(frozen=True, kw_only=True)
class Size:
    """A backbone's size: the model of its configuration, the records of a batch, and the type of its checkpoint."""

    name: str
    build: Callable[[], PreTrainedModel]
    batch: int
    dtype: torch.dtype = torch.float32


def vilt(layers: int = 12, width: int = 768, heads: int = 12, image: int = 384, patch: int = 32) -> PreTrainedModel:
    """A ViltModel; the defaults are ViLT-B/32's."""
    return ViltModel(
        ViltConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            image_size=image,
            patch_size=patch,
            vocab_size=_vocabulary(),
        )
    )


def clip(
    layers: int = 12, width: int = 768, text_width: int = 512, image: int = 224, patch: int = 16
) -> PreTrainedModel:
    """A CLIPModel; the defaults are CLIP ViT-B/16's."""
    text = {"vocab_size": _vocabulary(), "hidden_size": text_width, "intermediate_size": 4 * text_width}
    text |= {"num_hidden_layers": layers, "num_attention_heads": text_width // 64, "projection_dim": 512}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    vision |= {"num_attention_heads": width // 64, "image_size": image, "patch_size": patch}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512))


def llava(
    layers: int = 24, width: int = 1280, inner: int = 3456, vocabulary: int = 32_000, image: int = 224, patch: int = 16
) -> PreTrainedModel:
    """A LlavaForConditionalGeneration; the defaults are a decoder of 0.6 B parameters under a CLIP ViT-B/16."""
    image_id, start, end = range(_vocabulary(), _vocabulary() + len(SPECIAL))
    text = {"model_type": "llama", "vocab_size": max(vocabulary, end + 1), "hidden_size": width}
    text |= {"intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": width // 64}
    text |= {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end, "max_position_embeddings": 2048}
    side = min(width, 768)
    vision = {"model_type": "clip_vision_model", "hidden_size": side, "intermediate_size": 4 * side}
    vision |= {"num_hidden_layers": min(layers, 12), "num_attention_heads": side // 64}
    vision |= {"image_size": image, "patch_size": patch}
    config = LlavaConfig(
        text_config=text,
        vision_config=vision,
        image_token_index=image_id,
        image_seq_length=(image // patch) ** 2,
    )
    return LlavaForConditionalGeneration(config)


SIZES = (
    Size(name="ViLT-B/32", build=vilt, batch=64),
    Size(name="CLIP ViT-B/16", build=clip, batch=64),
    Size(name="LLaVA, 0.6 B", build=llava, batch=16, dtype=torch.bfloat16),
)
TINY = (
    Size(name="ViLT, 2 layers", build=lambda: vilt(2, 64, 4, image=32), batch=4),
    Size(name="CLIP, 2 layers", build=lambda: clip(2, 64, 64, image=32), batch=4),
    Size(name="LLaVA, 2 layers", build=lambda: llava(2, 64, 64, vocabulary=0, image=32), batch=4),
)


def write(size: Size, folder: Path) -> Path:
    """The checkpoint of that size, with random weights, in a folder."""
    torch.manual_seed(0)
    model = size.build()
    nn.Module.to(model, size.dtype)
    model.save_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(WORDS / "tokenizer.json"))
    if model.config.model_type == "llava":
        tokenizer.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
        special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
        (folder / "tokenizer_config.json").write_text(json.dumps({**special, "chat_template": TEMPLATE}))
    tokenizer.save(str(folder / "tokenizer.json"))
    images: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return folder


def prepared_task(backbone: Path, root: Path, *, records: int) -> TaskData:
    """The task of the digits, prepared for that backbone."""
    limits = {"train": records, "val": 8, "test": 8}
    return open_task(prepare(find_task(TASK), processor=Processor.load(backbone), root=root, limits=limits).path)


def _vocabulary() -> int:
    return Processor.load(WORDS).vocab_size
