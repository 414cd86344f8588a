"""EuroSAT's twin: rectangles and crosses on split and checkered ground, as fields are, with CoOp's split."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.published.eurosat import COOP, DATASET, IMAGES
from atlas.tasks.twins.mtil.coop import write_coop
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples


def name(place: Place) -> str:
    """A picture in the folder of its class."""
    label = place.label.title().replace(" ", "")
    return f"{IMAGES}{label}/{label}_{place.number}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """CoOp's split: the authors publish none."""
    write_coop(folder, COOP, samples)


TWIN = ImageTwin(
    dataset=DATASET,
    title="EuroSAT's twin",
    look=Look.of(
        ("plain",),
        ("green", "brown", "blue", "gray", "yellow"),
        ("rectangle", "cross"),
        grounds=("split", "checkered"),
        light=0.4,
    ),
    name=name,
    write=write,
)
