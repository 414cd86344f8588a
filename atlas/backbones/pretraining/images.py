"""Pre-training images of `vilt-tiny`: generated scenes, and digits drawn with strokes or type."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from atlas.tasks.offline import words
from atlas.tasks.offline.scenes import Scene, SceneShape, render, sample_scene, sample_single
from atlas.tasks.offline.words import COLORS, SHAPES

SIDE = 64
PATCH = 16
PARTS = (("none", *SHAPES), ("none", *COLORS), ("none", *words.TEXTURES))  # predicted of a patch or a quadrant
TEXTURES = ("plain", "plain", "plain", "striped", "dotted")  # plain ones are more frequent

# Ways of writing each digit: strokes as points in a unit square, x to the right and y downwards.
Stroke = tuple[tuple[float, float], ...]


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Points of an ellipse's arc; angles in degrees, clockwise from the right."""
    turns = [math.radians(start + (end - start) * i / 12) for i in range(13)]
    return tuple((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns)


WRITTEN: tuple[tuple[tuple[Stroke, ...], ...], ...] = (
    ((_arc(0.5, 0.5, 0.32, 0.45, -90, 270),), (_arc(0.5, 0.5, 0.25, 0.45, -60, 290),)),
    (
        (((0.5, 0.05), (0.5, 0.95)),),
        (((0.3, 0.25), (0.55, 0.05), (0.55, 0.95)),),
        (((0.3, 0.25), (0.5, 0.05), (0.5, 0.95)), ((0.25, 0.95), (0.75, 0.95))),
    ),
    (
        ((*_arc(0.48, 0.28, 0.28, 0.22, 190, 380), (0.2, 0.93)), ((0.2, 0.93), (0.8, 0.93))),
        ((*_arc(0.5, 0.3, 0.27, 0.25, 200, 400), (0.2, 0.85), (0.4, 0.8), (0.82, 0.95)),),
    ),
    (
        (_arc(0.45, 0.28, 0.28, 0.22, 200, 450), _arc(0.45, 0.72, 0.32, 0.23, 270, 510)),
        (((0.2, 0.07), (0.75, 0.07), (0.45, 0.4)), _arc(0.45, 0.67, 0.3, 0.27, 270, 500)),
    ),
    (
        (((0.6, 0.95), (0.6, 0.05), (0.15, 0.65), (0.85, 0.65)),),
        (((0.25, 0.05), (0.2, 0.5), (0.8, 0.5)), ((0.7, 0.05), (0.65, 0.95))),
    ),
    (
        (((0.75, 0.06), (0.3, 0.06), (0.27, 0.45)), _arc(0.45, 0.67, 0.32, 0.27, 235, 510)),
        (((0.8, 0.08), (0.25, 0.08), (0.22, 0.42), (0.55, 0.42), (0.75, 0.6), (0.7, 0.85), (0.2, 0.92)),),
    ),
    (
        (((0.6, 0.05), (0.3, 0.45)), _arc(0.48, 0.7, 0.26, 0.25, 180, 540)),
        ((*_arc(0.75, 0.5, 0.5, 0.46, 250, 180), *_arc(0.5, 0.7, 0.25, 0.23, 180, 540)),),
    ),
    (
        (((0.15, 0.07), (0.82, 0.07), (0.4, 0.95)),),
        (((0.15, 0.1), (0.8, 0.07), (0.5, 0.95)), ((0.3, 0.5), (0.75, 0.5))),
    ),
    (
        (_arc(0.5, 0.28, 0.23, 0.22, 90, 450), _arc(0.5, 0.73, 0.28, 0.23, -90, 270)),
        (_arc(0.5, 0.27, 0.2, 0.22, 60, 420), _arc(0.48, 0.72, 0.22, 0.23, -90, 270)),
    ),
    (
        (_arc(0.48, 0.3, 0.26, 0.25, 0, 360), ((0.74, 0.3), (0.65, 0.95))),
        ((*_arc(0.5, 0.3, 0.25, 0.24, 0, -360), (0.75, 0.6), (0.6, 0.93), (0.3, 0.92)),),
    ),
)


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """`scenes[i]` is drawn in `pixels[i]`; after the scenes come digits, of which `digits[j]` names each.

    pixels uint8 [scenes + digits, 3, S, S]; patches int64 [scenes, (S / 16)², 3]: the content of each patch, as
    numbers in PARTS.
    """

    pixels: np.ndarray
    patches: np.ndarray
    scenes: tuple[Scene, ...]
    digits: tuple[int, ...]


def build_images(seed: int, *, scenes: int, digits: int) -> ImageSet:
    """Scenes, of which four in ten hold one shape of any size anywhere, and drawn digits."""
    pixels = np.empty((scenes + digits, 3, SIDE, SIDE), np.uint8)
    drawn = tuple(scene_of(seed, i) for i in range(scenes))
    for i, scene in enumerate(drawn):
        pixels[i] = np.asarray(render(scene)).transpose(2, 0, 1)
    names = tuple(i % 10 for i in range(digits))
    for j in range(digits):
        pixels[scenes + j] = np.asarray(digit_image(seed, j)).transpose(2, 0, 1)
    patches = np.array([patch_parts(scene) for scene in drawn]).reshape(scenes, -1, len(PARTS))
    return ImageSet(pixels=pixels, patches=patches, scenes=drawn, digits=names)


def scene_of(seed: int, number: int) -> Scene:
    """The scene of that number; four in ten hold one shape of any size anywhere."""
    name = f"{seed} {number}"
    if number % 10 < 4:
        return sample_single(name, textures=TEXTURES, light=0.8)
    return sample_scene(name, textures=TEXTURES)


def digit_image(seed: int, number: int) -> Image.Image:
    """The drawing of that number; it shows the last digit of it."""
    return draw_digit(Random(f"digit {seed} {number}"), number % 10)


def parts(shape: SceneShape | None) -> list[int]:
    """The targets for a shape, or for none, as numbers in PARTS."""
    seen = (shape.shape, shape.color, shape.texture) if shape else ("none",) * len(PARTS)
    return [names.index(name) for names, name in zip(PARTS, seen, strict=True)]


def patch_parts(scene: Scene) -> list[list[int]]:
    """For each patch, by rows, the shape whose circle covers its middle, or comes within a quarter patch of it."""
    middles = [(x, y) for y in range(PATCH // 2, SIDE, PATCH) for x in range(PATCH // 2, SIDE, PATCH)]
    return [parts(next((s for s in scene.shapes if _near(s, x, y)), None)) for x, y in middles]


def _near(shape: SceneShape, x: int, y: int) -> bool:
    return math.dist((shape.x, shape.y), (x, y)) <= shape.radius + PATCH / 4


def draw_digit(rng: Random, digit: int) -> Image.Image:
    """A digit as an RGB picture: light on dark mostly, often as coarse as 8 × 8 pixels."""
    glyph = _typed(rng, digit) if rng.random() < 0.2 else _written(rng, digit)
    if rng.random() < 0.7:
        coarse = glyph.resize((8, 8), Image.Resampling.BOX)
        peak = max(1, coarse.getextrema()[1])
        coarse = coarse.point(lambda v: min(255, round(v * 255 / peak)))
        smooth = rng.choice((Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BICUBIC))
        glyph = coarse.resize((SIDE, SIDE), smooth)
    glyph = glyph.resize((SIDE, SIDE))
    ink, background = rng.choice((255, 255, 235, 250)), rng.choice((0, 0, 0, 12))
    if rng.random() < 0.15:
        ink, background = background, ink
    image = Image.new("RGB", (SIDE, SIDE), (background,) * 3)
    image.paste((ink,) * 3, mask=glyph)
    return image


def _written(rng: Random, digit: int) -> Image.Image:
    glyph = Image.new("L", (SIDE, SIDE), 0)
    draw = ImageDraw.Draw(glyph)
    width = rng.randint(4, 10)
    place = _placement(rng)
    for stroke in rng.choice(WRITTEN[digit]):
        shift = [(rng.gauss(0, 0.03), rng.gauss(0, 0.03)) for _ in range(2)]
        points = []
        for i, (u, v) in enumerate(stroke):
            t = i / max(1, len(stroke) - 1)
            bend = [(1 - t) * shift[0][k] + t * shift[1][k] for k in range(2)]
            points.append(place(u + bend[0], v + bend[1]))
        draw.line(points, fill=255, width=width, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return glyph


def _placement(rng: Random) -> Callable[[float, float], tuple[float, float]]:
    """A random affine map from the unit square to the picture: size, slant, turn, shift."""
    wide, tall = rng.uniform(28, 54), rng.uniform(46, 62)
    slant, turn = rng.gauss(0, 0.18), rng.gauss(0, 0.1)
    x0, y0 = 32 + rng.gauss(0, 2), 32 + rng.gauss(0, 1.5)
    cos, sin = math.cos(turn), math.sin(turn)

    def place(u: float, v: float) -> tuple[float, float]:
        x, y = (u - 0.5) * wide - slant * (v - 0.5) * tall, (v - 0.5) * tall
        return x0 + x * cos - y * sin, y0 + x * sin + y * cos

    return place


def _typed(rng: Random, digit: int) -> Image.Image:
    glyph = Image.new("L", (SIDE, SIDE), 0)
    font = ImageFont.load_default(size=rng.randint(50, 72))
    draw = ImageDraw.Draw(glyph)
    draw.text((32 + rng.gauss(0, 2), 32 + rng.gauss(0, 2)), str(digit), fill=255, font=font, anchor="mm")
    return glyph.rotate(rng.gauss(0, 8), Image.Resampling.BILINEAR)
