"""The dual encoders by name, with the numbers that a checkpoint's config.json leaves out. Thin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

TOWERS = ("text_config", "vision_config")


@dataclass(frozen=True)
class Member:
    """A dual encoder of transformers, by its `model_type`, which is its module's name here too.

    defaults: by tower, the sizes that published files leave out, since they are those of transformers' classes.
    revisions: see `Family`.
    """

    defaults: Mapping[str, Mapping[str, int]]
    revisions: Mapping[str, int] = field(default_factory=dict)


VISION = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
}
TEXT = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
}
SIGLIP_TEXT = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 64,
}
MEMBERS: dict[str, Member] = {
    # 1: α of a text's own tokens, without padding
    "clip": Member({"text_config": TEXT, "vision_config": VISION}, revisions={"text": 1}),
    "metaclip_2": Member({"text_config": TEXT, "vision_config": VISION}),
    "siglip": Member({"text_config": SIGLIP_TEXT, "vision_config": VISION | {"patch_size": 16}}),
}


def completed(config: Mapping[str, JsonValue], _preprocessor: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The configuration with its defaults, and with the sizes of images and texts at its top, as others have them."""
    defaults = MEMBERS[str(config["model_type"])].defaults
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
