"""CIFAR-100's twin: shapes of two colours in pictures of 32×32 pixels, in the pickles of its version for Python."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlas.tasks.offline.scenes import Scene, render
from atlas.tasks.offline.words import SHAPES
from atlas.tasks.published.cifar100 import DATASET, META, SIDE, TEST, TRAIN
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Look, Place, Samples, by_part

if TYPE_CHECKING:
    from PIL import Image


def show(scene: Scene, suffix: str) -> Image.Image:
    """The picture, which no file compresses."""
    return render(scene, side=SIDE)


def name(place: Place) -> str:
    """A picture by its part and file name."""
    return f"{place.part}/{place.label.replace(' ', '_')}_s_{place.number:06d}.png"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """The pickles `train`, `test` and `meta`; a picture is [3, 32, 32] in a row."""
    for path, found in zip((TRAIN, TEST), by_part(samples).values(), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        rows = [np.asarray(show(one.scene, "")).transpose(2, 0, 1).reshape(-1) for one in found]
        values = {
            "filenames": [Path(one.name).name for one in found],
            "fine_labels": [one.label for one in found],
            "data": np.stack(rows),
        }
        (folder / path).write_bytes(pickle.dumps(values, protocol=2))
    meta = {"fine_label_names": [label.replace(" ", "_") for label in classes]}
    (folder / META).write_bytes(pickle.dumps(meta, protocol=2))


TWIN = ImageTwin(
    dataset=DATASET,
    title="CIFAR-100's twin",
    look=Look.of(("",), ("green", "purple"), SHAPES, radius=(16, 24)),
    name=name,
    write=write,
    show=show,
    files=False,
)
