"""Oxford-IIIT Pets' twin: crosses and circles, as cats and dogs, of a texture and a colour."""

from __future__ import annotations

from pathlib import Path

from atlas.tasks.published.oxford_pets import DATASET, IMAGES, LISTS
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples, by_part
from atlas.tasks.twins.publish import write_lines


def name(place: Place) -> str:
    """A picture by breed and number."""
    return f"{IMAGES}{place.label.replace(' ', '_')}_{place.number}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """The lists `trainval` and `test`: a picture's name, the number of its class, its species and its breed."""
    for part, found in by_part(samples).items():
        lines = (f"{Path(one.name).stem} {one.label + 1} 1 {one.label + 1}" for one in found)
        write_lines(folder / LISTS[part], lines)


TWIN = ImageTwin(
    dataset=DATASET,
    title="Oxford-IIIT Pets' twin",
    look=Look.of(("striped", "dotted"), ("black", "gray", "brown"), ("cross", "circle"), light=0.7),
    name=name,
    write=write,
)
