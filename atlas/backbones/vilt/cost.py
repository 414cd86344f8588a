"""The shape of a ViLT, from its configuration alone. Thin: imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas.backbones.families import EncoderShape

if TYPE_CHECKING:
    from pydantic import JsonValue


def encoder_shapes(config: Mapping[str, JsonValue]) -> tuple[EncoderShape, ...]:
    """The shape by a ViLT's config.json; () where that lacks a number."""
    names = ("hidden_size", "num_hidden_layers", "intermediate_size", "image_size", "patch_size")
    numbers = [config.get(name) for name in (*names, "max_position_embeddings")]
    whole = [number for number in numbers if isinstance(number, int)]
    if len(whole) < len(numbers):
        return ()
    width, depth, inner, image, patch, text = whole
    patches = (image // patch) ** 2
    shape = EncoderShape(
        width=width,
        depth=depth,
        inner=inner,
        patches=patches,
        text_tokens=text,
        tokens=patches + 1 + text,  # with the image's class token
    )
    return (shape,)
