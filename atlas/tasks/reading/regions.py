"""Objects of an image, marked in it: their boxes are outlined, each in its own colour."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.files import Unreadable, field, inside, json_file, open_image, picture
from atlas.tasks.reading.rgb import as_rgb
from atlas.tasks.sample import Picture

if TYPE_CHECKING:
    from PIL import Image

COLOURS = {  # far apart for the eye; no gray, which photos are full of
    "red": (230, 25, 75),
    "green": (60, 180, 75),
    "yellow": (255, 225, 25),
    "blue": (0, 130, 200),
    "orange": (245, 130, 48),
    "purple": (145, 30, 180),
    "cyan": (70, 240, 240),
    "magenta": (240, 50, 230),
    "lime": (210, 245, 60),
    "pink": (250, 190, 212),
    "teal": (0, 128, 128),
    "brown": (170, 110, 40),
}
THINNEST = 100  # an outline is so many times thinner than the image is long
Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels


def colour_of(place: int) -> str:
    """The colour of the object of that number: always the same one."""
    return tuple(COLOURS)[place % len(COLOURS)]


def boxes_of(root: Path, name: str) -> list[Any]:
    """The boxes in a metadata file, not checked yet. Raises Unreadable where there is no such file or list."""
    path = inside(root, name)
    if not path.is_file():
        raise Unreadable(f"there is no metadata {name!r}")
    try:
        values = json_file(path)
    except AtlasError as error:
        raise Unreadable(str(error)) from error
    boxes: list[Any] = field(values if isinstance(values, Mapping) else {}, "boxes", list)
    return boxes


def box(boxes: Sequence[Any], place: int) -> Box:
    """One of the boxes; a fifth number, the detector's score, is left out. Raises Unreadable where it is none."""
    found = boxes[place] if place < len(boxes) else None
    if not isinstance(found, list) or len(found) < 4 or not all(isinstance(one, int | float) for one in found[:4]):
        raise Unreadable(f"the object {place} has no box: {found!r:.60}")
    left, top, right, bottom = found[:4]
    if not (left < right and top < bottom):
        raise Unreadable(f"the box of object {place} is empty: {found[:4]}")
    return left, top, right, bottom


def marked(root: Path, name: str, *, boxes: Sequence[Any], places: Iterable[int]) -> Picture:
    """The image with the boxes of these objects outlined; its name tells which. Raises Unreadable as `picture` does."""
    plain = picture(root, name)
    outlines = tuple((place, box(boxes, place)) for place in sorted(set(places)))
    if not outlines:
        return plain
    name = f"{name}#{','.join(str(place) for place, _ in outlines)}"
    return Picture(name=name, open=functools.partial(outlined, root / plain.name, outlines))


def outlined(path: Path, outlines: Iterable[tuple[int, Box]]) -> Image.Image:
    """The image in RGB with these boxes drawn over it. Raises OSError as `open_image` does."""
    from PIL import ImageDraw

    with open_image(path) as image:
        drawn = as_rgb(image).image
    width = max(1, max(drawn.size) // THINNEST)
    pen = ImageDraw.Draw(drawn)
    for place, (left, top, right, bottom) in outlines:
        corners = (max(0, left), max(0, top), min(drawn.width - 1, right), min(drawn.height - 1, bottom))
        if corners[0] <= corners[2] and corners[1] <= corners[3]:  # else it lies outside the image
            pen.rectangle(corners, outline=COLOURS[colour_of(place)], width=width)
    return drawn
