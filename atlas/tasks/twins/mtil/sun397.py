"""SUN397's twin: small things on grounds that fill the picture, with CoOp's split."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.offline.words import GROUNDS
from atlas.tasks.published.sun397 import CLASSES, COOP, DATASET, IMAGES
from atlas.tasks.twins.mtil.coop import write_coop
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples
from atlas.tasks.twins.publish import write_lines


def path_of(label: str) -> str:
    """The path of a class, with the letter that it begins with: `/p/pink_star`."""
    return f"/{label[0]}/{label.replace(' ', '_')}"


def name(place: Place) -> str:
    """A picture in the folder of its class."""
    return f"{IMAGES}{path_of(place.label)[1:]}/sun_{place.number:09d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """The list of classes, and CoOp's split."""
    write_lines(folder / IMAGES / CLASSES, map(path_of, classes))
    write_coop(folder, COOP, samples)


TWIN = ImageTwin(
    dataset=DATASET,
    title="SUN397's twin",
    look=Look.of(
        ("",), ("green", "orange", "teal"), ("star", "cross", "triangle", "ring"), grounds=GROUNDS[1:], radius=(9, 14)
    ),
    name=name,
    write=write,
)
