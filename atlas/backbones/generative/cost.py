"""The shapes of a generative model's towers, from its configuration alone. Thin: no torch, no transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas.backbones.families import EncoderShape

if TYPE_CHECKING:
    from pydantic import JsonValue

LAYERS = ("hidden_size", "num_hidden_layers", "intermediate_size")
GATED = 1.5  # a decoder's MLP has three products where an encoder's has two


def encoder_shapes(config: Mapping[str, JsonValue]) -> tuple[EncoderShape, ...]:
    """The vision tower, which an image goes through once, and the decoder, each of a record's texts with all images.

    () where a number is no number. Grouped keys and values are counted as if they were as wide as the queries.
    """
    vision = _numbers(config.get("vision_config"), (*LAYERS, "patch_size"))
    text = _numbers(config.get("text_config"), LAYERS)
    sizes = _numbers(dict(config), ("image_size", "image_tokens", "text_tokens"))
    if vision is None or text is None or sizes is None:
        return ()
    side, image_tokens, text_tokens = sizes
    width, depth, inner, patch = vision
    patches = (side // patch) ** 2
    images = EncoderShape(
        width=width, depth=depth, inner=inner, patches=patches, text_tokens=0, tokens=patches, reads="image"
    )
    width, depth, inner = text
    decoder = EncoderShape(
        width=width,
        depth=depth,
        inner=int(GATED * inner),
        patches=image_tokens,
        text_tokens=text_tokens,
        tokens=image_tokens + text_tokens,
        reads="record",
    )
    return images, decoder


def _numbers(values: JsonValue, names: tuple[str, ...]) -> list[int] | None:
    found = [values.get(name) for name in names] if isinstance(values, dict) else []
    numbers = [number for number in found if isinstance(number, int)]
    return numbers if len(numbers) == len(names) else None
