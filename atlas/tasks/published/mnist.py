"""MNIST: which handwritten digit is this? (LeCun et al., 1998, doi:10.1109/5.726791) Four IDX files, gzipped or not.

A picture has no name but its place; it is dealt to `val` by its pixels.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.tasks.reading.arrays import read_idx
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.kept import kept
from atlas.tasks.reading.layout import Layout, Needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

FILES = {  # pictures and labels of each part
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
FOLDERS = ("", "raw/", "MNIST/raw/")
DIGITS = tuple("0123456789")


def alternatives(name: str) -> tuple[str, ...]:
    """The paths under which a file lies in the releases."""
    return tuple(f"{folder}{name}{suffix}" for folder in FOLDERS for suffix in ("", ".gz"))


LAYOUT = Layout(
    needs=tuple(Needed(paths=alternatives(name)) for pair in FILES.values() for name in pair),
    obtain="Get MNIST's four files from https://ossci-datasets.s3.amazonaws.com/mnist/ (yann.lecun.com's copy).",
)
kept_idx = kept(read_idx)


def open_picture(path: str, place: int) -> Image.Image:
    """The picture at that place of a file, light ink on black."""
    from PIL import Image

    return Image.fromarray(kept_idx(Path(path))[place])


def key_of(pixels: NDArray[np.uint8]) -> str:
    """The name by which a picture is dealt to a split."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def pictures(source: Path, part: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The pictures of `train` or `test` by their places. Raises UserError where the two files do not fit."""
    shown, named = (LAYOUT.path(source, name) for name in FILES[part])
    images, labels = kept_idx(shown), kept_idx(named)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise UserError(
            f"{shown} has pictures {images.shape}, {named.name} {labels.shape} labels; download both again."
        )
    for place, label in enumerate(labels):
        show = functools.partial(open_picture, str(shown), place)
        name = f"{part}/{place:05d}"
        yield (
            f"{shown.name}:{place}",
            LabelledPicture(name=name, label=str(label), open=show, key=key_of(images[place])),
        )


def digits(source: Path) -> Mapping[str, str]:
    """The ten digits."""
    return {digit: digit for digit in DIGITS}


DATASET = ImageClasses(task="mnist", layout=LAYOUT, rule="val held out", lines=pictures, classes=digits)
MNIST = image_task(
    DATASET,
    title="MNIST",
    classes=10,
    licence="CC BY-SA 3.0 (MNIST, LeCun, Cortes & Burges)",
    about="Which handwritten digit is this? 70,000 pictures of 28×28 pixels, 10,000 of them for reporting.",
    templates=('a photo of the number: "{}".',),
    published=(("train+val", 60_000), ("test", 10_000)),
)
