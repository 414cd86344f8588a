"""The configuration of a generative model, with the numbers that a checkpoint's config.json leaves out. Thin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import JsonValue

TEXT_TOKENS = 512  # of a prompt, where nothing says how many are wanted: decoders take thousands
QWEN_SIDE = 448  # of an image: a fixed budget of pixels, for a model that takes images of any size

# Published files leave out what equals the defaults of transformers' classes. By the tower's own model_type.
TEXT: dict[str, dict[str, int]] = {
    "llama": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 2048,
    },
    "mistral": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 131072,
    },
    "qwen2": {
        "hidden_size": 4096,
        "intermediate_size": 22016,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 32768,
    },
    "qwen2_5_vl_text": {
        "hidden_size": 8192,
        "intermediate_size": 29568,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "max_position_embeddings": 32768,
    },
}
VISION: dict[str, dict[str, int]] = {
    "clip_vision_model": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 224,
        "patch_size": 32,
    },
    "siglip_vision_model": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 224,
        "patch_size": 16,
    },
    "idefics3_vision": {
        "hidden_size": 1152,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 16,
        "image_size": 224,
        "patch_size": 32,
    },
    "qwen2_5_vl_vision": {
        "hidden_size": 3584,
        "intermediate_size": 3420,
        "depth": 32,
        "num_heads": 16,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
}
VISION["smolvlm_vision"] = VISION["idefics3_vision"]
TOWERS = {  # the towers' types where they are not said
    "llava": ("llama", "clip_vision_model"),
    "idefics3": ("llama", "idefics3_vision"),
    "smolvlm": ("llama", "smolvlm_vision"),
    "qwen2_5_vl": ("qwen2_5_vl_text", "qwen2_5_vl_vision"),
}
ALIASES = {"qwen2_5_vl": "qwen2_5_vl_text"}  # of a text tower, in older files


def completed(config: Mapping[str, JsonValue], preprocessor: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The configuration with its defaults, and at its top what others have there, and more:

    image_size; max_position_embeddings, of a prompt without its image; text_tokens, of a prompt by default;
    image_tokens, those of an image in a prompt, without what stands around it; image_token_id.
    """
    member = str(config["model_type"])
    text, vision = _tower(config, member, "text_config", TEXT, 0), _tower(config, member, "vision_config", VISION, 1)
    found: dict[str, Any] = {**config, "text_config": text, "vision_config": vision}
    found |= {"llava": _llava, "qwen2_5_vl": _qwen}.get(member, _idefics)(config, vision, preprocessor)
    positions = int(text.get("max_position_embeddings", 0)) - found["image_tokens"]
    return found | {"max_position_embeddings": positions, "text_tokens": min(TEXT_TOKENS, positions)}


def _tower(
    config: Mapping[str, JsonValue], member: str, name: str, defaults: dict[str, dict[str, int]], number: int
) -> dict[str, Any]:
    given = config.get(name)
    if not isinstance(given, dict):  # older files of Qwen2.5-VL have the decoder's numbers at their top
        given = {key: value for key, value in config.items() if key != "model_type"} if name == "text_config" else {}
    kind = str(given.get("model_type") or TOWERS[member][number])
    kind = ALIASES.get(kind, kind) if name == "text_config" else TOWERS[member][1] if kind == member else kind
    return {**defaults.get(kind, {}), **given, "model_type": kind}


def _llava(config: Mapping[str, Any], vision: dict[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    """Layers above the one whose states are taken are none of the tower's."""
    layers, chosen = int(vision["num_hidden_layers"]), config.get("vision_feature_layer", -2)
    vision["num_hidden_layers"] = max(used_layers(layers, chosen))
    patches = (int(vision["image_size"]) // int(vision["patch_size"])) ** 2
    whole = config.get("vision_feature_select_strategy", "default") == "full"
    first = 1 if "clip" in str(vision["model_type"]) else 0  # the class token
    return {
        "image_size": vision["image_size"],
        "image_tokens": patches + (first if whole else first - 1),
        "image_token_id": config.get("image_token_index", config.get("image_token_id", 32000)),
    }


def used_layers(layers: int, chosen: int | list[int]) -> list[int]:
    """The numbers of hidden states, 0 to `layers`, by positions among them, which count from the end if below 0."""
    return [one + layers + 1 if one < 0 else one for one in ([chosen] if isinstance(chosen, int) else chosen)]


def _idefics(config: Mapping[str, Any], vision: dict[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    patches = (int(vision["image_size"]) // int(vision["patch_size"])) ** 2
    return {
        "image_size": vision["image_size"],
        "image_tokens": patches // int(config.get("scale_factor", 2)) ** 2,
        "image_token_id": config.get("image_token_id", 128257),
    }


def _qwen(config: Mapping[str, Any], vision: dict[str, Any], preprocessor: Mapping[str, Any]) -> dict[str, Any]:
    """The largest square of whole windows of patches within the preprocessor's budget, and within QWEN_SIDE."""
    unit = int(vision["patch_size"]) * int(vision["spatial_merge_size"])
    size = preprocessor.get("size")
    most = preprocessor.get("max_pixels") or (size.get("longest_edge") if isinstance(size, dict) else None)
    side = min(QWEN_SIDE, math.isqrt(int(most))) if most else QWEN_SIDE
    side = max(1, side // unit) * unit
    vision |= {"num_hidden_layers": vision["depth"], "num_attention_heads": vision["num_heads"]}
    return {
        "image_size": side,
        "image_tokens": (side // unit) ** 2,
        "image_token_id": config.get("image_token_id", 151655),
    }
