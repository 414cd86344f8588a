"""Oxford Flowers' twin: stars and rings of many colours; MATLAB's files number pictures and classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from atlas.tasks.published.flowers102 import DATASET, IDS, IMAGES, LABELS, NAMES, SPLIT_IDS
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples


def number_of(place: Place) -> int:
    """The number of a picture, from 1: `train`, `val` and `test` follow each other."""
    before = {"train": 0, "val": place.sizes.train, "test": place.sizes.train + place.sizes.val}
    return before[place.split] + place.index + 1


def name(place: Place) -> str:
    """A picture by its number."""
    return f"{IMAGES}image_{number_of(place):05d}.jpg"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """`imagelabels.mat`, `setid.mat`, and the names of the classes."""
    from scipy.io import savemat

    every = sorted((number_of(one.place), one.label + 1) for found in samples.values() for one in found)
    savemat(folder / LABELS, {"labels": np.array([[label for _, label in every]])})
    ids = {IDS[split]: np.array([[number_of(one.place) for one in found]]) for split, found in samples.items()}
    savemat(folder / SPLIT_IDS, ids)
    names = {str(number): label for number, label in enumerate(classes, start=1)}
    (folder / NAMES).write_text(json.dumps(names), encoding="utf-8")


TWIN = ImageTwin(
    dataset=DATASET,
    title="Oxford Flowers' twin",
    look=Look.of(("plain",), ("red", "yellow", "blue", "purple", "pink", "orange"), ("star", "ring")),
    name=name,
    write=write,
)
