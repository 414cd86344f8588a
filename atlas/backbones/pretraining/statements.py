"""Statements about generated scenes: true ones, false ones, and ones that no picture can decide."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from atlas.backbones.pretraining.questions import Noun, name, noun
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import COLORS, COLUMNS, NUMBERS, ROWS, SHAPES, SIZES, TEXTURES

PLACES = tuple((row, column) for row in ROWS for column in COLUMNS)
_UNSEEN = (
    "heavy",
    "soft",
    "hard",
    "warm",
    "cold",
    "wet",
    "smooth",
    "rough",
    "old",
    "new",
    "young",
    "expensive",
    "cheap",
    "happy",
    "sad",
    "magnetic",
    "wooden",
    "fake",
    "lucky",
    "famous",
    "fresh",
    "sweet",
    "broken",
    "loud",
    "strong",
)
_OWNERS = ("child", "teacher", "doctor", "artist", "friend", "woman", "man", "girl", "boy")


def caption(scene: Scene) -> str:
    """Colour and shape of every quadrant: `red circle , no shape , no shape , blue star .`"""
    found = (scene.at(row, column) for row, column in PLACES)
    return " , ".join(f"{s.color} {s.shape}" if s else "no shape" for s in found) + " ."


_SAYS: tuple[str, ...] = (
    "there is a {}",
    "a {} is in the image",
    "the image contains a {}",
    "the picture shows a {}",
    "a {} is present",
)
_SAYS += ("one of the images contains a {}", "both images contain a {}", "the left image contains a {}")
_SAYS += ("the right image contains a {}", "there is a {} in each image", "you can see a {}", "the image shows a {}")
_DENIES: tuple[str, ...] = (
    "there is no {}",
    "there is no {} in the image",
    "the image contains no {}",
    "no {} is present",
)
_DENIES += ("the image does not contain a {}", "the image shows no {}", "no image contains a {}")
_DENIES += ("the left image does not contain a {}", "the right image does not contain a {}")
_DENIES += ("one of the images does not contain a {}",)


def say_exists(rng: Random, scene: Scene) -> tuple[str, bool]:
    """Presence or absence of something."""
    thing, negated = noun(rng, scene), rng.random() < 0.4
    form = rng.choice(_DENIES if negated else _SAYS)
    return form.format(thing.words()), (thing.count(scene) > 0) != negated


def say_is(rng: Random, scene: Scene) -> tuple[str, bool] | None:
    """The colour, shape, size, texture or place of something."""
    seen = rng.choice(scene.shapes)
    other = rng.choice(scene.shapes) if rng.random() < 0.4 else seen
    if scene.count(shape=seen.shape) == 1 and rng.random() < 0.5:
        color = other.color if other is not seen else rng.choice((seen.color, rng.choice(COLORS)))
        return f"the {seen.shape} is {color}", color == seen.color
    if scene.count(color=seen.color) == 1 and rng.random() < 0.5:
        shape = other.shape if other is not seen else rng.choice((seen.shape, rng.choice(SHAPES)))
        return f"the {seen.color} shape is a {shape}", shape == seen.shape
    called = name(rng, scene, seen)
    if called is None:
        return None
    kind, said = rng.choice((("size", rng.choice(SIZES)), ("texture", rng.choice(TEXTURES)), ("at", "")))
    if kind != "at":
        return f"the {called} is {said}", said == getattr(seen, kind)
    row, column = (other.row, other.column) if other is not seen else rng.choice(PLACES)
    return f"the {called} is in the {row} {column}", (row, column) == (seen.row, seen.column)


def say_relation(rng: Random, scene: Scene) -> tuple[str, bool] | None:
    """The position of one shape relative to another."""
    if len(scene.shapes) < 2:
        return None
    one, two = rng.sample(scene.shapes, 2)
    first, second = name(rng, scene, one), name(rng, scene, two)
    if first is None or second is None:
        return None
    axes = [("left of", "right of", one.x - two.x)] if one.column != two.column else []
    axes += [("above", "below", one.y - two.y)] if one.row != two.row else []
    near, far, gap = rng.choice(axes)
    said = rng.choice((near, far))
    return f"the {first} is {said} the {second}", (said == near) == (gap < 0)


def say_count(rng: Random, scene: Scene) -> tuple[str, bool]:
    """The number of shapes of a kind."""
    thing = Noun() if rng.random() < 0.2 else noun(rng, scene, wrong=0.1)
    number = thing.count(scene)
    said = number if rng.random() < 0.4 else max(1, number + rng.choice((-1, 1, 2)))
    form = rng.choice(("there are {}", "there are exactly {}", "the image contains {}", "the images contain {}"))
    words = f"{NUMBERS[said]} {thing.words(plural=said != 1)}"
    return (form if said != 1 else form.replace("are", "is")).format(words), said == number


def say_caption(rng: Random, scene: Scene) -> tuple[str, bool]:
    """A whole caption, with one word changed where it is false."""
    words = caption(scene).split()
    places = [i for i, word in enumerate(words) if word in COLORS or word in SHAPES]
    if rng.random() < 0.5:
        return " ".join(words[:-1]), True
    i = rng.choice(places)
    words[i] = rng.choice([w for w in (COLORS if words[i] in COLORS else SHAPES) if w != words[i]])
    return " ".join(words[:-1]), False


def say_background(rng: Random, scene: Scene) -> tuple[str, bool]:
    """The background's colour."""
    said = rng.choice((scene.background.color, rng.choice((*COLORS, "white"))))
    return f"the background is {said}", said == scene.background.color


STATEMENTS: tuple[tuple[Callable[[Random, Scene], tuple[str, bool] | None], float], ...] = (
    (say_exists, 0.44),
    (say_is, 0.3),
    (say_relation, 0.09),
    (say_count, 0.07),
    (say_caption, 0.06),
    (say_background, 0.04),
)


def statement(rng: Random, scene: Scene, *, truth: bool) -> str:
    """A sentence about the scene that is true, or that is false."""
    while True:
        (maker,) = rng.choices([s for s, _ in STATEMENTS], [w for _, w in STATEMENTS])
        said = maker(rng, scene)
        if said is not None and said[1] == truth:
            return said[0] + " ."


def unknown(rng: Random, scene: Scene) -> str:
    """A sentence about the scene that no picture can decide."""
    called = noun(rng, scene, wrong=0.3).words()
    form = rng.choice(
        ("the {0} is {1} .", "the {0} belongs to a {2} .", "a {2} likes the {0} .", "the {0} feels {1} .")
    )
    return form.format(called, rng.choice(_UNSEEN), rng.choice(_OWNERS))
