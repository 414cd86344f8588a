"""Questions about generated scenes, with their answers, in the forms that the offline tasks use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from atlas.tasks.offline.scenes import Scene, SceneShape
from atlas.tasks.offline.words import COLORS, NUMBERS, PLURALS, SHAPES


@dataclass(frozen=True, kw_only=True)
class Noun:
    """A kind of shape: each of its words is given or left open."""

    color: str | None = None
    shape: str | None = None
    texture: str | None = None

    def count(self, scene: Scene) -> int:
        """The number of shapes of the scene that it fits."""
        return scene.count(shape=self.shape, color=self.color, texture=self.texture)

    def words(self, *, plural: bool = False) -> str:
        """Such as `striped red circle`, `red shapes`."""
        shape = self.shape or "shape"
        given = (self.texture, self.color, PLURALS[shape] if plural else shape)
        return " ".join(word for word in given if word)


def noun(rng: Random, scene: Scene, *, wrong: float = 0.5) -> Noun:
    """A noun about the scene that, with probability `wrong`, has one of its words changed."""
    seen = rng.choice(scene.shapes)
    shape, color = rng.choice(((seen.shape, None), (None, seen.color), (seen.shape, seen.color)))
    texture = seen.texture if rng.random() < 0.15 else None
    if rng.random() < wrong:
        if shape and (not color or rng.random() < 0.5):
            shape = rng.choice(SHAPES)
        else:
            color = rng.choice(COLORS)
    return Noun(color=color, shape=shape, texture=texture)


def name(rng: Random, scene: Scene, shape: SceneShape) -> str | None:
    """Words that fit this shape of the scene and no other, or None."""
    nouns = [Noun(color=shape.color), Noun(shape=shape.shape), Noun(color=shape.color, shape=shape.shape)]
    fitting = [n for n in nouns if n.count(scene) == 1]
    return rng.choice(fitting).words() if fitting else None


_EXISTS: tuple[str, ...] = (
    "is there a {}",
    "is there a {} in the image",
    "does the image contain a {}",
    "is a {} present",
)
_EXISTS += ("can you see a {}", "is a {} in the picture", "does the picture show a {}")
_LACKS: tuple[str, ...] = ("is there not a {}", "is there not a {} in the image", "does the image not contain a {}")
_LACKS += ("is no {} present", "is there no {}", "does the picture show no {}")
_COLOR = ("what color is the {}", "what is the color of the {}", "which color does the {} have")
_SHAPE = ("what shape is present", "what shape does the image contain", "what shape is in the image")


def ask_exists(rng: Random, scene: Scene) -> tuple[str, str]:
    """Whether something is there, or is not."""
    thing, negated = noun(rng, scene), rng.random() < 0.4
    there = thing.count(scene) > 0
    return rng.choice(_LACKS if negated else _EXISTS).format(thing.words()), _yes(there != negated)


def ask_color(rng: Random, scene: Scene) -> tuple[str, str] | None:
    """The colour of a shape."""
    seen = rng.choice(scene.shapes)
    if len(scene.shapes) == 1:
        return rng.choice(_COLOR).format(rng.choice(("shape", seen.shape))), seen.color
    if scene.count(shape=seen.shape) > 1:
        return rng.choice(_COLOR).format(f"shape in the {seen.row} {seen.column}"), seen.color
    return rng.choice(_COLOR).format(seen.shape), seen.color


def ask_same(rng: Random, scene: Scene) -> tuple[str, str] | None:
    """A property of one image that is needed to compare it with another."""
    if len(scene.shapes) > 1:
        return None
    seen = scene.shapes[0]
    colors = ("both shapes have the same color .", "the shapes have different colors .", "are the colors equal ?")
    shapes = ("both images contain the same shape .", "the images contain different shapes .", "are the shapes equal ?")
    return rng.choice([(text, seen.color) for text in colors] + [(text, seen.shape) for text in shapes])


def ask_shape(rng: Random, scene: Scene) -> tuple[str, str] | None:
    """The shape of something."""
    seen = rng.choice(scene.shapes)
    if len(scene.shapes) == 1:
        return rng.choice((*_SHAPE, f"what is the {seen.color} shape", "what is the shape")), seen.shape
    if scene.count(color=seen.color) > 1:
        return f"what is the shape in the {seen.row} {seen.column}", seen.shape
    return rng.choice(("what is the {} shape", "what shape is {}")).format(seen.color), seen.shape


def ask_count(rng: Random, scene: Scene) -> tuple[str, str]:
    """The number of shapes of a kind."""
    thing = Noun() if rng.random() < 0.2 else noun(rng, scene, wrong=0.2)
    form = rng.choice(("how many {} are there", "how many {} are in the image", "what number of {} do you see"))
    return form.format(thing.words(plural=True)), NUMBERS[thing.count(scene)]


def ask_detail(rng: Random, scene: Scene) -> tuple[str, str] | None:
    """Texture, size or side of a shape, or the background's colour."""
    seen = rng.choice(scene.shapes)
    called = name(rng, scene, seen)
    if called is None or rng.random() < 0.2:
        return rng.choice(("what color is the background", "what is behind the shapes")), scene.background.color
    return rng.choice(
        (
            (f"what texture does the {called} have", seen.texture),
            (f"what size is the {called}", seen.size),
            (f"is the {called} large or small", seen.size),
            (f"is the {called} on the left or on the right", seen.column),
            (f"is the {called} at the top or at the bottom", seen.row),
        )
    )


QUESTIONS: tuple[tuple[Callable[[Random, Scene], tuple[str, str] | None], float], ...] = (
    (ask_exists, 0.56),
    (ask_color, 0.14),
    (ask_shape, 0.14),
    (ask_count, 0.08),
    (ask_detail, 0.08),
)


def question(rng: Random, scene: Scene) -> tuple[str, str]:
    """A question and its answer, one of ANSWERS."""
    while True:
        (maker,) = rng.choices([q for q, _ in QUESTIONS], [w for _, w in QUESTIONS])
        asked = maker(rng, scene)
        if asked is not None:
            return asked[0] + " ?", asked[1]


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
