"""CIFAR-100: which of 100 things is this, at 32×32 pixels? (Krizhevsky, 2009) Its version for Python: three pickles."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.reading.arrays import column, read_pickle
from atlas.tasks.reading.coop import in_words
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.kept import kept
from atlas.tasks.reading.layout import Layout, Needed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

FOLDER = "cifar-100-python/"
TRAIN, TEST, META = (f"{FOLDER}{name}" for name in ("train", "test", "meta"))
SIDE = 32
LAYOUT = Layout(
    needs=tuple(Needed(paths=(path, path.removeprefix(FOLDER))) for path in (TRAIN, TEST, META)),
    obtain="Get CIFAR-100 for Python from https://www.cs.toronto.edu/~kriz/cifar.html.",
)


@dataclass(frozen=True)
class PicklePart:
    """A pickle's pictures, [N, 3072], with their file names and labels."""

    data: NDArray[np.uint8]
    names: tuple[str, ...]
    labels: tuple[int, ...]


@kept
def part_of(path: Path) -> PicklePart:
    """The content of a part. Raises UserError where pictures, names and labels are of different numbers."""
    values = read_pickle(path)
    data = np.asarray(values.get("data", ()), dtype=np.uint8)
    names, labels = (column(path, values, key) for key in ("filenames", "fine_labels"))
    if data.shape != (len(names), 3 * SIDE * SIDE) or len(labels) != len(names):
        raise UserError(
            f"{path}: {counted(len(names), 'name')}, {counted(len(labels), 'label')} and pictures {data.shape}; "
            f"download it again."
        )
    return PicklePart(data, tuple(map(str, names)), tuple(map(int, labels)))


def open_picture(path: str, place: int) -> Image.Image:
    """The picture at that place of a pickle, [3, 32, 32] there."""
    from PIL import Image

    return Image.fromarray(part_of(Path(path)).data[place].reshape(3, SIDE, SIDE).transpose(1, 2, 0))


def things(source: Path) -> Mapping[str, str]:
    """The fine classes by their numbers, as the pickle `meta` has them."""
    path = LAYOUT.path(source, META)
    names = column(path, read_pickle(path), "fine_label_names")
    return {str(number): in_words(str(name)) for number, name in enumerate(names)}


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The pictures of `train` or `test` by their file names."""
    path = LAYOUT.path(source, TRAIN if part == "train" else TEST)
    found = part_of(path)
    for place, (name, label) in enumerate(zip(found.names, found.labels, strict=True)):
        show = functools.partial(open_picture, str(path), place)
        yield f"{path.name}:{place}", LabelledPicture(name=f"{part}/{name}", label=str(label), open=show)


DATASET = ImageClasses(task="cifar100", layout=LAYOUT, rule="val held out", lines=pictures, classes=things)
CIFAR100 = image_task(
    DATASET,
    title="CIFAR-100",
    classes=100,
    licence="not stated by its authors; of the Tiny Images (CIFAR-100, Krizhevsky, 2009)",
    about="Which thing is this? 60,000 pictures of 32×32 pixels of 100 things, 10,000 of them for reporting.",
    templates=("a photo of a {}.", "a blurry photo of a {}.", "a low contrast photo of a {}.", "a photo of the {}."),
    published=(("train+val", 50_000), ("test", 10_000)),
)
