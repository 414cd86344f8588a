"""Describable Textures' twin: textures in some colours, on any shape."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.offline.words import TEXTURES
from atlas.tasks.published.dtd import DATASET, IMAGES, LISTS
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples
from atlas.tasks.twins.publish import write_lines


def name(place: Place) -> str:
    """A picture in the folder of its class."""
    label = place.label.replace(" ", "_")
    return f"{IMAGES}{label}/{label}_{place.number:04d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """A list a split."""
    for split, found in samples.items():
        write_lines(folder / LISTS[split], (one.name.removeprefix(IMAGES) for one in found))


TWIN = ImageTwin(
    dataset=DATASET,
    title="Describable Textures' twin",
    look=Look.of(TEXTURES, ("red", "blue", "green"), ("",), radius=(20, 28)),
    name=name,
    write=write,
)
