"""Stanford Cars' twin: rectangles of a texture and a colour; MATLAB's files have the annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atlas.tasks.published.stanford_cars import DATASET, FOLDERS, LISTS, META
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples, by_part

ROW = [("class", "O"), ("fname", "O")]  # and the four sides of a box


def name(place: Place) -> str:
    """A picture in the folder of its part."""
    return f"{FOLDERS[place.part]}{place.label.replace(' ', '-')}-{place.number:05d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """The names of the classes, and the annotations of both parts."""
    from scipy.io import savemat

    (folder / META).parent.mkdir(parents=True, exist_ok=True)
    savemat(folder / META, {"class_names": np.array([list(classes)], dtype=object)})
    for part, found in by_part(samples).items():
        rows = np.array([[(one.label + 1, Path(one.name).name) for one in found]], dtype=ROW)
        savemat(folder / LISTS[part], {"annotations": rows})


TWIN = ImageTwin(
    dataset=DATASET,
    title="Stanford Cars' twin",
    look=Look.of(("plain", "striped"), ("red", "blue", "black", "gray", "yellow", "teal"), ("rectangle",)),
    name=name,
    write=write,
)
