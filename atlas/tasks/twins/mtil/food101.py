"""Food-101's twin: circles of a texture and a colour, as dishes on a table."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.offline.words import TEXTURES
from atlas.tasks.published.food101 import CLASSES, DATASET, IMAGES, LISTS
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples, by_part
from atlas.tasks.twins.publish import write_lines


def name(place: Place) -> str:
    """A picture in the folder of its class."""
    return f"{IMAGES}{place.label.replace(' ', '_')}/{place.number}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """The lists `train` and `test`, and that of the classes."""
    write_lines(folder / CLASSES, (label.replace(" ", "_") for label in classes))
    for part, found in by_part(samples).items():
        write_lines(folder / LISTS[part], (one.name.removeprefix(IMAGES).removesuffix(".jpg") for one in found))


TWIN = ImageTwin(
    dataset=DATASET,
    title="Food-101's twin",
    look=Look.of(TEXTURES, ("red", "green", "orange", "brown"), ("circle",), grounds=("checkered",)),
    name=name,
    write=write,
)
