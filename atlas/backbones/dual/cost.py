"""The shapes of a dual encoder's towers, from its configuration alone. Thin: imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas.backbones.families import EncoderShape

if TYPE_CHECKING:
    from pydantic import JsonValue

LAYERS = ("hidden_size", "num_hidden_layers", "intermediate_size")


def encoder_shapes(config: Mapping[str, JsonValue]) -> tuple[EncoderShape, ...]:
    """The vision tower, which an image goes through once, and the text tower; () where a number is no number."""
    vision = _numbers(config.get("vision_config"), (*LAYERS, "image_size", "patch_size"))
    text = _numbers(config.get("text_config"), (*LAYERS, "max_position_embeddings"))
    if vision is None or text is None:
        return ()
    patches = (vision[3] // vision[4]) ** 2
    width, depth, inner = vision[:3]
    tokens = patches + 1  # the class token, or the query of a pooling head
    images = EncoderShape(
        width=width, depth=depth, inner=inner, patches=patches, text_tokens=0, tokens=tokens, reads="image"
    )
    width, depth, inner, length = text
    texts = EncoderShape(
        width=width, depth=depth, inner=inner, patches=0, text_tokens=length, tokens=length, reads="text"
    )
    return images, texts


def _numbers(tower: JsonValue, names: tuple[str, ...]) -> list[int] | None:
    found = [tower.get(name) for name in names] if isinstance(tower, dict) else []
    numbers = [number for number in found if isinstance(number, int)]
    return numbers if len(numbers) == len(names) else None
