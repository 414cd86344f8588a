"""The backbone families, by the `model_type` of a checkpoint's config.json.

To add a family: write its package, with `backbone.load_backbone` and `cost.encoder_shapes`, and add one line to
FAMILIES. A further dual encoder needs none: `atlas.backbones.dual.config` names them. Thin: a family's modules are
imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from atlas.backbones.config import read_image_config, read_json
from atlas.backbones.dual.config import MEMBERS as DUAL_MEMBERS
from atlas.backbones.dual.config import completed as completed_dual
from atlas.backbones.generative.config import completed as completed_generative
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """The numbers of an encoder that decide its cost.

    width D, depth in layers, inner (the MLP's width), patches an image, tokens of the longest text, and `tokens` of
    image and longest text together, special ones included. reads: one pass is over a pair of image and text, over an
    image, over a text, or over a text with all of the record's images.
    """

    width: int
    depth: int
    inner: int
    patches: int
    text_tokens: int
    tokens: int
    reads: Literal["pair", "image", "text", "record"] = "pair"

    def passes(self, *, images: int, choices: int) -> int:
        """The forward passes of a record with so many images and texts."""
        return {"pair": images * choices, "image": images, "text": choices, "record": choices}[self.reads]

    def length(self, images: int) -> int:
        """The tokens of one pass over a record with so many images."""
        return self.tokens + (images - 1) * self.patches if self.reads == "record" else self.tokens


@dataclass(frozen=True)
class Family:
    """A backbone family, by the name of its package.

    images: those that a record may have. readouts: how tasks may answer on it, by the names of READOUTS. towers: its
    encoders by name, where it has several. prompts: texts are prompts of its chat template, which name their images.
    complete: gives a checkpoint's configuration its defaults, and has `image_size` and `max_position_embeddings` at its
    top; its second argument are the settings of images. revisions: by tower, how often the arithmetic of adapters in it
    was changed: raised by hand, and part of the keys of the steps that it decides (ADR 52).
    """

    package: str
    images: int | None = None
    readouts: tuple[str, ...] = ("head",)
    towers: tuple[str, ...] = ()
    prompts: bool = False
    complete: Callable[[Mapping[str, JsonValue], Mapping[str, JsonValue]], Mapping[str, JsonValue]] | None = None
    revisions: Mapping[str, int] = field(default_factory=dict)

    def encoder_shapes(self, config: Mapping[str, JsonValue]) -> tuple[EncoderShape, ...]:
        """The shapes of its encoders by a checkpoint's completed configuration; () where that lacks a number."""
        shapes: tuple[EncoderShape, ...] = import_module(f"{self.package}.cost").encoder_shapes(config)
        return shapes


DUAL = Family(
    "atlas.backbones.dual", readouts=("head", "similarity"), towers=("vision", "text"), complete=completed_dual
)
GENERATIVE = Family(
    "atlas.backbones.generative",
    readouts=("head", "likelihood", "mean-likelihood", "generation"),
    towers=("language", "vision"),
    prompts=True,
    complete=completed_generative,
)
FAMILIES: dict[str, Family] = {
    "vilt": Family("atlas.backbones.vilt", images=2),
    **{name: replace(DUAL, revisions=member.revisions) for name, member in DUAL_MEMBERS.items()},
    "llava": GENERATIVE,
    "idefics3": GENERATIVE,
    "smolvlm": GENERATIVE,
    "qwen2_5_vl": GENERATIVE,
}


def family_of(folder: Path) -> Family:
    """The family of the checkpoint in a folder. Raises UserError for an unknown one, and a config that is no JSON."""
    kind = read_json(folder / "config.json").get("model_type")
    if kind not in FAMILIES:
        known = ", ".join(map(repr, FAMILIES))
        raise UserError(f"backbone folder {folder}: its config.json says model_type {kind!r}; known are: {known}.")
    return FAMILIES[str(kind)]


def read_config(folder: Path) -> Mapping[str, JsonValue]:
    """A checkpoint's config.json, completed by its family where that is known. Raises UserError where it is no JSON."""
    config = read_json(folder / "config.json")
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None or family.complete is None:
        return config
    return family.complete(config, read_image_config(folder, nested=family.prompts))


def encoder_shapes(folder: Path) -> tuple[EncoderShape, ...]:
    """The shapes of the backbone in a folder; () where its family is unknown or its configuration lacks a number."""
    config = read_config(folder)
    family = FAMILIES.get(str(config.get("model_type")))
    return () if family is None else family.encoder_shapes(config)


def most_images(folder: Path) -> int | None:
    """The images that a record may have for the backbone in a folder; None where its family is unknown."""
    family = FAMILIES.get(str(read_json(folder / "config.json").get("model_type")))
    return None if family is None else family.images
