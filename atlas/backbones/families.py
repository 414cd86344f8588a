"""The backbone families, by the `model_type` of a checkpoint's config.json.

To add a family: write its package, with `backbone.load_backbone` and `cost.encoder_shape`, and add one line to
FAMILIES. Thin: a family's modules are imported when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones.config import read_json
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from atlas.backbones.backbone import Backbone


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """The numbers of an encoder that decide its cost.

    width D, depth in layers, inner (the MLP's width), patches an image, tokens of the longest text, and `tokens` of
    image and longest text together, special ones included.
    """

    width: int
    depth: int
    inner: int
    patches: int
    text_tokens: int
    tokens: int


@dataclass(frozen=True)
class Family:
    """A backbone family, by the name of its package. images: those that a record may have."""

    package: str
    images: int | None = None

    def load(self, folder: Path, *, digest: str) -> Backbone:
        """The frozen backbone in that folder. Raises UserError where it cannot be read."""
        backbone: Backbone = import_module(f"{self.package}.backbone").load_backbone(folder, digest=digest)
        return backbone

    def encoder_shape(self, config: Mapping[str, JsonValue]) -> EncoderShape | None:
        """The shape by a checkpoint's configuration; None where that lacks a number."""
        shape: EncoderShape | None = import_module(f"{self.package}.cost").encoder_shape(config)
        return shape


FAMILIES: dict[str, Family] = {
    "vilt": Family("atlas.backbones.vilt", images=2),
}


def family_of(folder: Path) -> Family:
    """The family of the checkpoint in a folder. Raises UserError for an unknown one, and a config that is no JSON."""
    kind = read_json(folder / "config.json").get("model_type")
    if kind not in FAMILIES:
        known = ", ".join(map(repr, FAMILIES))
        raise UserError(f"backbone folder {folder}: its config.json says model_type {kind!r}; known are: {known}.")
    return FAMILIES[str(kind)]


def encoder_shape(folder: Path) -> EncoderShape | None:
    """The shape of the backbone in a folder; None where its family is unknown or its configuration lacks a number."""
    config = read_json(folder / "config.json")
    family = FAMILIES.get(str(config.get("model_type")))
    return None if family is None else family.encoder_shape(config)


def most_images(folder: Path) -> int | None:
    """The images that a record may have for the backbone in a folder; None where its family is unknown."""
    family = FAMILIES.get(str(read_json(folder / "config.json").get("model_type")))
    return None if family is None else family.images
