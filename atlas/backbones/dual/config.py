"""The configuration of a dual encoder, with the numbers that a checkpoint's config.json leaves out. Thin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

TOWERS = ("text_config", "vision_config")

# Published files leave out what equals the defaults of transformers' classes.
DEFAULTS: dict[str, dict[str, dict[str, int]]] = {
    "clip": {
        "text_config": {
            "hidden_size": 512,
            "intermediate_size": 2048,
            "num_hidden_layers": 12,
            "num_attention_heads": 8,
            "max_position_embeddings": 77,
        },
        "vision_config": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 224,
            "patch_size": 32,
        },
    },
    "siglip": {
        "text_config": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "max_position_embeddings": 64,
        },
        "vision_config": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 224,
            "patch_size": 16,
        },
    },
}


def completed(config: Mapping[str, JsonValue], _preprocessor: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The configuration with its defaults, and with the sizes of images and texts at its top, as others have them."""
    defaults = DEFAULTS[str(config["model_type"])]
    towers: dict[str, dict[str, JsonValue]] = {}
    for name in TOWERS:
        given = config.get(name)
        towers[name] = {**defaults[name], **(given if isinstance(given, dict) else {})}
    return {
        **config,
        **towers,
        "image_size": towers["vision_config"]["image_size"],
        "max_position_embeddings": towers["text_config"]["max_position_embeddings"],
    }
