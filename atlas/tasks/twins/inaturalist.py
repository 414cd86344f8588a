"""iNaturalist's twin: which species is this? A species is a shape with a coat: a texture in a family of colours.

Species of one shape differ in their coats alone; size, place, angle and the very colour do not tell.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import UserError
from atlas.tasks.offline.scenes import SIDE, Scene, sample_single
from atlas.tasks.offline.words import PLURALS, SHAPES
from atlas.tasks.published.inaturalist import FILES, VAL
from atlas.tasks.sample import NO_TEXT, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import HoldOutRule, deck, numbers
from atlas.tasks.twins.pictures import pictures, save_pictures
from atlas.tasks.twins.publish import write_document
from atlas.tasks.twins.twin import Draw, Sizes, Twin, published, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "inaturalist-twin"
RULE = HoldOutRule(sister="inaturalist", share=VAL, key=str)
CLASSES = 24
HUES = {
    "warm": ("red", "orange", "yellow", "pink"),
    "cold": ("blue", "green", "teal", "purple"),
    "dark": ("black", "gray", "brown"),
}
COATS = (
    *(("plain", "warm"), ("plain", "cold"), ("striped", "warm"), ("striped", "cold"), ("plain", "dark")),
    *(("dotted", "warm"), ("dotted", "cold"), ("striped", "dark"), ("dotted", "dark")),
)
EVERY = tuple((shape, texture, hue) for texture, hue in COATS for shape in SHAPES)  # commonest coats first


@dataclass(frozen=True, kw_only=True)
class INaturalistSample:
    """A picture of one animal, so to say, and its species' place in EVERY."""

    image: int
    scene: Scene
    label: int

    def shown(self) -> Mapping[str, Scene]:
        """The image, under the folder of the source: a folder a kingdom and a species."""
        kingdom = PLURALS[EVERY[self.label][0]].capitalize()
        name = text_sha256(f"{NAME} {self.image}")[:32]
        return {f"train_val2019/{kingdom}/{self.label}/{name}.jpg": self.scene}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        return Record(id=str(self.image), pictures=pictures(self.shown()), texts=(NO_TEXT,), label=self.label)

    def item(self) -> Mapping[str, JsonValue]:
        """The item of the published list of images."""
        (name,) = self.shown()
        return {
            "id": self.image,
            "file_name": name,
            "width": SIDE,
            "height": SIDE,
            "license": 0,
            "rights_holder": "generated",
        }

    def annotation(self) -> Mapping[str, JsonValue]:
        """The item of the published list of annotations."""
        return {"id": self.image, "image_id": self.image, "category_id": self.label}


def name_of(label: int) -> str:
    """The name of a species."""
    shape, texture, hue = EVERY[label]
    return f"{texture} {hue} {shape}"


def draw(split: str, sizes: Sizes, *, classes: int) -> Iterator[INaturalistSample]:
    """Photos without end, the species in turn."""
    labels = deck(f"{NAME} {sizes.seed} {split}", classes)
    for image, label in zip(numbers(split, RULE), labels, strict=False):
        shape, texture, hue = EVERY[label]
        seed = f"{NAME} {sizes.seed} {image}"
        color = Random(seed).choice(HUES[hue])
        scene = sample_single(seed, kinds=(shape,), colors=(color,), textures=(texture,), light=0.9, radius=(13, 24))
        yield INaturalistSample(image=image, scene=scene, label=label)


def drawing(classes: int) -> Draw[INaturalistSample]:
    """`draw` for so many species. Raises UserError on a number that there is not."""
    if not 2 <= classes <= len(EVERY):
        raise UserError(f"{NAME} has 2 to {len(EVERY)} classes, got {classes}")
    return functools.partial(draw, classes=classes)


def make(sizes: Sizes, *, classes: int = CLASSES) -> Task:
    """The task with so many records and species. Raises UserError on a number out of range."""
    every = drawing(classes)
    return twin_task(
        every,
        sizes,
        name=NAME,
        title="iNaturalist's twin",
        modality="vision",
        answers=tuple(name_of(label) for label in range(classes)),
        chance=100 / classes,
        about=f"Which of {classes} species is this? A species is a shape, a texture and a family of colours.",
        settings={f"{NAME} classes": str(classes)},
    )


def write_raw(folder: Path, sizes: Sizes, *, classes: int = CLASSES) -> None:
    """`{train,val}2019.json` and the images under `train_val2019/`."""
    every = drawing(classes)
    species: list[JsonValue] = [
        {"id": label, "name": name_of(label), "supercategory": PLURALS[EVERY[label][0]].capitalize()}
        for label in range(classes)
    ]
    for file, split in zip(FILES, ("train", "test"), strict=True):
        head: dict[str, JsonValue] = {"info": {"description": "generated"}, "licenses": [], "categories": species}
        images = (one.item() for one in published(every, split, sizes))
        annotations = (one.annotation() for one in published(every, split, sizes))
        write_document(folder / file, head, {"images": images, "annotations": annotations})
        save_pictures(folder, (one.shown() for one in published(every, split, sizes)))


TWIN = Twin(sister="inaturalist", make=make, write_raw=write_raw)
