"""Caltech-101's twin: any shape, whatever its colour, in the folder of its class, with CoOp's split."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.offline.words import SHAPES
from atlas.tasks.published.caltech101 import COOP, DATASET, IMAGES
from atlas.tasks.twins.mtil.coop import write_coop
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples


def name(place: Place) -> str:
    """A picture in the folder of its class."""
    return f"{IMAGES}{place.label.replace(' ', '_')}/image_{place.number:04d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """CoOp's split: the authors publish none."""
    write_coop(folder, COOP, samples)


TWIN = ImageTwin(
    dataset=DATASET,
    title="Caltech-101's twin",
    look=Look.of(("plain", "dotted"), ("",), SHAPES),
    name=name,
    write=write,
)
