"""FGVC-Aircraft's twin: triangles, on shaded ground, as planes are on a sky."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.published.aircraft import DATASET, IMAGES, LISTS, VARIANTS
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples
from atlas.tasks.twins.publish import write_lines


def name(place: Place) -> str:
    """A picture by its number, which no other class has."""
    return f"{IMAGES}{place.label.replace(' ', '-')}-{place.number:07d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """`variants.txt` and a list a split."""
    write_lines(folder / VARIANTS, classes)
    for split, found in samples.items():
        write_lines(folder / LISTS[split], (f"{Path(one.name).stem} {one.place.label}" for one in found))


TWIN = ImageTwin(
    dataset=DATASET,
    title="FGVC-Aircraft's twin",
    look=Look.of(
        ("plain", "striped"), ("red", "green", "blue", "black", "pink"), ("triangle",), grounds=("shaded",), light=0.5
    ),
    name=name,
    write=write,
)
