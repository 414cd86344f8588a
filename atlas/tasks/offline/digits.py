"""Handwritten digits: scikit-learn's 1,797 real images of 8x8 pixels (UCI, CC BY 4.0)."""

from __future__ import annotations

import functools
import importlib.util
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlas.runtime.digest import file_sha256
from atlas.runtime.errors import UserError, unknown
from atlas.tasks.sample import NO_TEXT, SPLITS, Picture, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from PIL import Image

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}  # of every digit's images


def bundled_file() -> Path:
    """The table that scikit-learn's `load_digits` reads; found without importing scikit-learn, which takes a second.

    Raises UserError where it is not there.
    """
    found = importlib.util.find_spec("sklearn")
    path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz" if found and found.origin else None
    if path is None or not path.is_file():
        raise UserError(f"digits: scikit-learn's table is not at {path}; pip install 'scikit-learn>=1.4'.")
    return path


@functools.cache
def bundle() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's bundled images, uint8 [1797, 8, 8] with full ink 255, and their digits [1797]."""
    table = np.loadtxt(bundled_file(), delimiter=",")
    images = table[:, :-1].reshape(-1, 8, 8)
    return np.round(images * (255 / 16)).astype(np.uint8), table[:, -1].astype(np.int64)


@functools.cache
def members() -> Mapping[str, tuple[int, ...]]:
    """The images of each split: every digit's images are shuffled by a fixed seed and cut by SHARES."""
    labels = bundle()[1]
    parts: dict[str, list[int]] = {split: [] for split in SPLITS}
    for digit in range(10):
        images = [int(i) for i in np.flatnonzero(labels == digit)]
        random.Random(f"digits {digit}").shuffle(images)
        first = round(len(images) * SHARES["train"])
        second = first + round(len(images) * SHARES["val"])
        for split, cut in zip(SPLITS, (images[:first], images[first:second], images[second:]), strict=True):
            parts[split] += cut
    for split, images in parts.items():
        random.Random(f"digits {split}").shuffle(images)
    return {split: tuple(images) for split, images in parts.items()}


def draw(index: int) -> Image.Image:
    """The image of that number, 8x8, light ink on black."""
    from PIL import Image

    return Image.fromarray(bundle()[0][index])


def read_digits(split: str, source: Path | None) -> Iterator[Record]:
    """The images of a split. The data is part of scikit-learn: `source` is not used."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    labels = bundle()[1]
    for index in members()[split]:
        image = Picture(name=str(index), open=functools.partial(draw, index))
        yield Record(id=str(index), pictures=(image,), texts=(NO_TEXT,), label=int(labels[index]))


def bundle_sources(source: Path | None) -> Mapping[str, str]:
    """The digest of the table: it has been the same for many versions of scikit-learn."""
    return {"sklearn digits": file_sha256(bundled_file())}


DIGITS = Task(
    name="digits",
    title="Handwritten digits",
    modality="vision",
    answers=tuple("0123456789"),
    chance=10.0,
    licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits, via scikit-learn)",
    about="1,797 real handwritten digits of 8x8 pixels, split within each digit.",
    version=1,
    read=read_digits,
    sources=bundle_sources,
)
