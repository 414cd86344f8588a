"""Generated scenes: coloured shapes on a background, as data, and drawn with PIL.

A scene is a frozen value of names and integers, decided by one seed alone, so that it is the same on every machine;
the picture is drawn from it. Lengths are in 64ths of the picture's side, x to the right and y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from random import Random

from PIL import Image, ImageDraw

from atlas.runtime.digest import text_sha256
from atlas.tasks.offline.words import COLORS, GROUNDS, SHAPES, TEXTURES

SIDE = 64
LARGE = 11  # a shape of at least this radius is "large"
RGB = tuple[int, int, int]

# Several RGB values a name: a backbone has to recognise the name, not one value.
PALETTE: dict[str, tuple[RGB, ...]] = {
    "red": ((225, 30, 30), (255, 0, 0), (200, 20, 40)),
    "green": ((30, 150, 50), (0, 128, 0), (60, 180, 60)),
    "blue": ((40, 70, 220), (0, 0, 255), (30, 60, 170)),
    "yellow": ((240, 220, 40), (255, 255, 0), (230, 200, 20)),
    "black": ((12, 12, 12), (0, 0, 0), (30, 30, 34)),
    "gray": ((128, 128, 128), (150, 150, 150), (105, 105, 108)),
    "teal": ((20, 145, 145), (0, 128, 128), (40, 170, 165)),
    "brown": ((130, 80, 35), (165, 42, 42), (110, 62, 32)),
    "orange": ((245, 140, 25), (255, 165, 0), (235, 115, 20)),
    "purple": ((140, 50, 170), (128, 0, 128), (110, 50, 160)),
    "pink": ((245, 130, 185), (255, 150, 200), (235, 105, 165)),
}


@dataclass(frozen=True, kw_only=True)
class SceneShape:
    """One object: names, its true colour, centre, radius, angle in degrees, and height in percent of its width."""

    shape: str
    color: str
    texture: str
    rgb: RGB
    x: int
    y: int
    radius: int
    angle: int = 0
    stretch: int = 100

    @property
    def size(self) -> str:
        """`small` or `large`."""
        return "large" if self.radius >= LARGE else "small"

    @property
    def row(self) -> str:
        """`top` or `bottom`, by the centre."""
        return "top" if self.y < SIDE // 2 else "bottom"

    @property
    def column(self) -> str:
        """`left` or `right`, by the centre."""
        return "left" if self.x < SIDE // 2 else "right"


@dataclass(frozen=True, kw_only=True)
class Background:
    """`kind` is one of GROUNDS; `color` the name of its main colour ("white" for a light one)."""

    kind: str
    color: str
    rgb: RGB
    other: RGB


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A background and the shapes on it, drawn in this order."""

    background: Background
    shapes: tuple[SceneShape, ...]

    def digest(self) -> str:
        """sha256 of the description (not of pixels, which may differ between versions of PIL)."""
        return text_sha256(repr(astuple(self)))

    def count(self, *, shape: str | None = None, color: str | None = None, texture: str | None = None) -> int:
        """The number of shapes of that shape, colour and texture; None allows any."""
        wanted = (shape, color, texture)
        return sum(
            all(w in (None, seen) for w, seen in zip(wanted, (s.shape, s.color, s.texture), strict=True))
            for s in self.shapes
        )

    def at(self, row: str, column: str) -> SceneShape | None:
        """The first shape whose centre lies in that quadrant, if any."""
        return next((s for s in self.shapes if (s.row, s.column) == (row, column)), None)


def sample_rgb(rng: Random, color: str, *, jitter: int = 14) -> RGB:
    """An RGB value of the colour of that name."""
    r, g, b = (max(0, min(255, c + rng.randint(-jitter, jitter))) for c in rng.choice(PALETTE[color]))
    return r, g, b


def sample_background(
    rng: Random, *, avoid: Sequence[RGB] = (), kinds: Sequence[str] = GROUNDS, light: float = 0.6
) -> Background:
    """A background that contrasts with the colours in `avoid`; `light` is the share of near-white ones."""
    kind = rng.choice(kinds)
    for _ in range(50):
        color = "white" if rng.random() < light else rng.choice(COLORS)
        rgb = _light(rng) if color == "white" else sample_rgb(rng, color)
        other = _shift(rng, rgb, by=45 if kind == "checkered" else 70)
        colors = (rgb,) if kind == "plain" else (rgb, other)
        if all(_distance(one, two) > 90 for one in avoid for two in colors):
            return Background(kind=kind, color=color, rgb=rgb, other=other)
    return Background(kind="plain", color="white", rgb=(250, 250, 250), other=(250, 250, 250))


def sample_shape(
    rng: Random,
    *,
    center: tuple[int, int],
    radius: tuple[int, int],
    shapes: Sequence[str] = SHAPES,
    colors: Sequence[str] = COLORS,
    textures: Sequence[str] = TEXTURES,
) -> SceneShape:
    """A shape around `center` with a radius between the two given (inclusive)."""
    shape, color, texture = rng.choice(shapes), rng.choice(colors), rng.choice(textures)
    flat = rng.randint(40, 110) if shape == "rectangle" else rng.randint(80, 105)
    turn = 90 * rng.randint(0, 1) if shape == "rectangle" else 0
    return SceneShape(
        shape=shape,
        color=color,
        texture=texture,
        rgb=sample_rgb(rng, color),
        x=center[0],
        y=center[1],
        radius=rng.randint(*radius),
        angle=turn + (rng.randint(-12, 12) if shape != "triangle" else rng.randint(0, 359)),
        stretch=flat,
    )


def sample_scene(
    seed: int | str,
    *,
    shapes: tuple[int, int] = (1, 4),
    kinds: Sequence[str] = SHAPES,
    colors: Sequence[str] = COLORS,
    textures: Sequence[str] = TEXTURES,
    grounds: Sequence[str] = GROUNDS,
    light: float = 0.6,
) -> Scene:
    """A scene with `shapes` (fewest, most) shapes, at most one a quadrant; `kinds` are the shapes allowed."""
    rng = Random(f"scene {seed}")
    places = rng.sample([(x, y) for y in (17, 47) for x in (17, 47)], rng.randint(*shapes))
    found = tuple(
        sample_shape(
            rng,
            center=(x + rng.randint(-4, 4), y + rng.randint(-4, 4)),
            radius=rng.choice(((8, 10), (12, 15))),
            shapes=kinds,
            colors=colors,
            textures=textures,
        )
        for x, y in places
    )
    background = sample_background(rng, avoid=[s.rgb for s in found], kinds=grounds, light=light)
    return Scene(background=background, shapes=found)


def sample_single(
    seed: int | str,
    *,
    kinds: Sequence[str] = SHAPES,
    colors: Sequence[str] = COLORS,
    textures: Sequence[str] = TEXTURES,
    grounds: Sequence[str] = ("plain",),
    light: float = 1.0,
    radius: tuple[int, int] = (7, 24),
) -> Scene:
    """A scene of one shape that lies anywhere in the picture, with a radius between the two given (inclusive)."""
    rng = Random(f"lone {seed}")
    size = rng.randint(*radius)
    span = (size, SIDE - size)
    center = (rng.randint(*span), rng.randint(*span))
    single = sample_shape(rng, center=center, radius=(size, size), shapes=kinds, colors=colors, textures=textures)
    background = sample_background(rng, avoid=[single.rgb], kinds=grounds, light=light)
    return Scene(background=background, shapes=(single,))


def render(scene: Scene, *, side: int = SIDE) -> Image.Image:
    """Draws the scene as an RGB picture of `side` × `side` pixels, with smooth edges."""
    scale = 2 * side / SIDE
    canvas = _draw_background(scene.background, 2 * side)
    for shape in scene.shapes:
        canvas.paste(shape.rgb, mask=_draw_mask(shape, 2 * side, scale))
    return canvas.reduce(2)


def _draw_background(background: Background, side: int) -> Image.Image:
    canvas = Image.new("RGB", (side, side), background.rgb)
    draw = ImageDraw.Draw(canvas)
    if background.kind == "split":
        draw.rectangle((0, side // 2, side, side), fill=background.other)
    elif background.kind == "checkered":
        step = side // 8
        for i in range(64):
            x, y = i % 8 * step, i // 8 * step
            if (i % 8 + i // 8) % 2:
                draw.rectangle((x, y, x + step - 1, y + step - 1), fill=background.other)
    elif background.kind == "shaded":
        ramp = Image.linear_gradient("L").resize((side, side))
        canvas.paste(background.other, mask=ramp)
    return canvas


def _draw_mask(shape: SceneShape, side: int, scale: float) -> Image.Image:
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    radius, (x, y) = shape.radius * scale, (shape.x * scale, shape.y * scale)
    if shape.shape in ("circle", "ring"):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    else:
        draw.polygon([(x + radius * u, y + radius * v) for u, v in _corners(shape)], fill=255)
    if shape.texture != "plain":
        _draw_holes(draw, shape, scale)
    if shape.shape == "ring":
        inner = radius * 0.55
        draw.ellipse((x - inner, y - inner, x + inner, y + inner), fill=0)
    return mask


def _draw_holes(draw: ImageDraw.ImageDraw, shape: SceneShape, scale: float) -> None:
    """Remove stripes or dots from the mask; the background shows through."""
    step = 5 * scale
    reach = math.ceil(shape.radius * scale / step) + 1
    x, y = shape.x * scale, shape.y * scale
    for i in range(-reach, reach + 1):
        if shape.texture == "striped":
            draw.line((x - 999, y + i * step, x + 999, y + i * step), fill=0, width=round(2 * scale))
            continue
        for j in range(-reach, reach + 1):
            u, v, dot = x + i * step, y + j * step, 1.2 * scale
            draw.ellipse((u - dot, v - dot, u + dot, v + dot), fill=0)


def _corners(shape: SceneShape) -> list[tuple[float, float]]:
    """The polygon's corners around (0, 0), within radius 1 (1.1 for a stretched one)."""
    points = _OUTLINES[shape.shape]()
    cos, sin = math.cos(math.radians(shape.angle)), math.sin(math.radians(shape.angle))
    tall = shape.stretch / 100
    return [(u * cos - v * tall * sin, u * sin + v * tall * cos) for u, v in points]


def _round(count: int, radii: Sequence[float]) -> list[tuple[float, float]]:
    turns = [2 * math.pi * i / count - math.pi / 2 for i in range(count)]
    return [(radii[i % len(radii)] * math.cos(t), radii[i % len(radii)] * math.sin(t)) for i, t in enumerate(turns)]


_OUTLINES: dict[str, Callable[[], list[tuple[float, float]]]] = {
    "rectangle": lambda: [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": lambda: _round(3, (1.0,)),
    "star": lambda: _round(10, (1.0, 0.42)),
    "cross": lambda: [
        (u * s, v * s)
        for s in (0.3,)
        for u, v in (
            (-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1),
        )
    ],
}  # fmt: skip


def _light(rng: Random) -> RGB:
    base = rng.randint(225, 255)
    r, g, b = (max(0, min(255, base + rng.randint(-18, 6))) for _ in range(3))
    return r, g, b


def _shift(rng: Random, rgb: RGB, *, by: int) -> RGB:
    sign = 1 if sum(rgb) < 384 else -1
    r, g, b = (max(0, min(255, c + sign * rng.randint(by // 2, by))) for c in rgb)
    return r, g, b


def _distance(one: RGB, two: RGB) -> float:
    return math.dist(one, two)
