"""Pictures of the twins: drawn when they are opened, and the same bytes when they are written to a file."""

from __future__ import annotations

import functools
import io
import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.tasks.offline.scenes import SIDE, Scene, render, sample_background, sample_shape, sample_single
from atlas.tasks.offline.words import SHAPES
from atlas.tasks.sample import Picture

if TYPE_CHECKING:
    from PIL import Image

COLORS = ("red", "green", "blue", "yellow", "black", "orange", "purple", "pink")  # far apart, even in JPEG
PLACES = ((17, 17), (47, 17), (17, 47), (47, 47))
LARGE = (16, 24)  # radius of a thing that is alone
QUALITY = 95
RECENT = 8  # pictures; the records of one scene follow each other
Thing = tuple[str, str]  # colour and shape


def distinct_things(rng: Random, count: int) -> tuple[Thing, ...]:
    """Colours and shapes of which no two share either: any word names one thing."""
    return tuple(zip(rng.sample(COLORS, count), rng.sample(SHAPES, count), strict=True))


def scene_of(rng: Random, things: Sequence[Thing], *, light: float = 0.9) -> Scene:
    """A scene of one thing a quadrant, at most four, on a plain ground; `light` is the share of near-white ones."""
    places = rng.sample(PLACES, len(things))
    shapes = tuple(
        sample_shape(
            rng,
            center=(x + rng.randint(-3, 3), y + rng.randint(-3, 3)),
            radius=(11, 14),
            shapes=(shape,),
            colors=(color,),
            textures=("plain",),
        )
        for (color, shape), (x, y) in zip(things, places, strict=True)
    )
    ground = sample_background(rng, avoid=[shape.rgb for shape in shapes], kinds=("plain",), light=light)
    return Scene(background=ground, shapes=shapes)


def single_of(rng: Random, thing: Thing) -> Scene:
    """A scene of one large thing: large enough for a tiny backbone."""
    color, shape = thing
    return sample_single(rng.getrandbits(64), kinds=(shape,), colors=(color,), textures=("plain",), radius=LARGE)


def encode(scene: Scene, suffix: str) -> bytes:
    """The file of that kind (`.jpg`, `.png`) that shows the scene."""
    file = io.BytesIO()
    image = render(scene, side=SIDE)
    if suffix == ".jpg":
        image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    else:
        image.save(file, "PNG")
    return file.getvalue()


def open_scene(scene: Scene, suffix: str) -> Image.Image:
    """The image of the scene as a file of that kind shows it: JPEG alters pixels."""
    from PIL import Image

    image = Image.open(io.BytesIO(encode(scene, suffix)))
    image.load()
    return image


def pictures(shown: Mapping[str, Scene]) -> tuple[Picture, ...]:
    """The pictures of those names; a name's suffix says how it is encoded."""
    return tuple(
        Picture(name=name, open=functools.partial(open_scene, scene, Path(name).suffix))
        for name, scene in shown.items()
    )


def save_pictures(folder: Path, shown: Iterable[Mapping[str, Scene]]) -> None:
    """Writes the pictures of those names under the folder; one that comes again within a few is written once."""
    recent: deque[str] = deque(maxlen=RECENT)
    for name, scene in itertools.chain.from_iterable(one.items() for one in shown):
        if name in recent:
            continue
        recent.append(name)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(scene, path.suffix))
