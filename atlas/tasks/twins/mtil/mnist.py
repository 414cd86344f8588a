"""MNIST's twin: digits of seven bars, light on black, of 28×28 pixels, in IDX files.

A picture is dealt to `val` by its pixels, so it is drawn to know its split.
"""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from atlas.tasks.offline.scenes import Background, Scene, SceneShape, render
from atlas.tasks.published.mnist import DATASET, DIGITS, FILES, key_of
from atlas.tasks.twins.mtil.image_twin import ImageTwin, Place, Samples, by_part

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

SIDE = 28
BLACK = Background(kind="plain", color="black", rgb=(0, 0, 0), other=(0, 0, 0))
BARS = {  # column and row from the middle, in halves of the digit's width, and whether it stands upright
    "top": (0, -2, False),
    "upper left": (-1, -1, True),
    "upper right": (1, -1, True),
    "middle": (0, 0, False),
    "lower left": (-1, 1, True),
    "lower right": (1, 1, True),
    "bottom": (0, 2, False),
}
LIT = ("1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011")


class DigitLook:
    """The ten digits."""

    names = DIGITS

    def draw(self, seed: str, label: int) -> Scene:
        """A digit of some size, place and thickness, a little crooked."""
        rng = Random(f"digit {seed}")
        half, x, y = rng.randint(8, 11), rng.randint(26, 38), rng.randint(28, 36)
        lit = (bar for bar, on in zip(BARS.values(), LIT[label], strict=True) if on == "1")
        return Scene(background=BLACK, shapes=tuple(self._bar(rng, bar, half, x, y) for bar in lit))

    def _bar(self, rng: Random, bar: tuple[int, int, bool], half: int, x: int, y: int) -> SceneShape:
        column, row, upright = bar
        ink = rng.randint(180, 255)
        return SceneShape(
            shape="rectangle",
            color="gray",
            texture="plain",
            rgb=(ink, ink, ink),
            x=x + column * half + rng.randint(-1, 1),
            y=y + row * half + rng.randint(-1, 1),
            radius=half + 2,
            angle=90 * upright + rng.randint(-8, 8),
            stretch=rng.randint(22, 36),
        )


def show(scene: Scene, suffix: str) -> Image.Image:
    """The picture in grey, which no file compresses."""
    return render(scene, side=SIDE).convert("L")


def pixels(scene: Scene) -> NDArray[np.uint8]:
    """The picture as it lies in the file, [28, 28]."""
    return np.asarray(show(scene, ""), dtype=np.uint8)


def dealt_by(scene: Scene) -> str:
    """The key by which the sister deals a picture to a split."""
    return key_of(pixels(scene))


def name(place: Place) -> str:
    """A picture by its part and position."""
    return f"{place.part}/{place.position:05d}"


def write(folder: Path, samples: Samples, classes: tuple[str, ...]) -> None:
    """Pictures and labels of both parts."""
    for part, found in by_part(samples).items():
        images, labels = FILES[part]
        write_idx(folder / images, np.stack([pixels(one.scene) for one in found]))
        write_idx(folder / labels, np.array([one.label for one in found], dtype=np.uint8))


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """An IDX file of bytes."""
    head = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(head + values.tobytes())


TWIN = ImageTwin(
    dataset=DATASET,
    title="MNIST's twin",
    look=DigitLook(),
    name=name,
    write=write,
    show=show,
    key=dealt_by,
    files=False,
)
