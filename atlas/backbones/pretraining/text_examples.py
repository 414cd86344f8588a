"""Text-only pre-training examples: is the second half of the text right for the first?"""

from __future__ import annotations

from random import Random

from atlas.tasks.offline.facts import COLORED, LIKE, MIXES, OPPOSITES, SIDES
from atlas.tasks.offline.words import COLORS, COLUMNS, NUMBERS, PLURALS, ROWS, SHAPES

THINGS = (*SHAPES, "square", "diamond", "heart", "oval")
_PAINT = (
    "paint it {}",
    "color it {}",
    "cover it with {} ink",
    "use a {} pencil on it",
    "make it {}",
    "dip it in {} dye",
)


def text_example(rng: Random) -> tuple[str, bool]:
    """A text of two halves, and whether the second is right for the first."""
    goal, right, wrong = _drawn(rng)
    if rng.random() < 0.5:
        return f"{goal} {right} .", True
    return f"{goal} {wrong} .", False


def completion(rng: Random) -> tuple[str, str]:
    """The first half of a text, and the second that is right for it."""
    goal, right, _ = _drawn(rng)
    return goal, right


def _drawn(rng: Random) -> tuple[str, str, str]:
    """A first half, the right second one and a wrong one."""
    makers = (_paint, _move, _amount, _resize, _mix, _thing, _sides, _next, _like, _opposite)
    return rng.choice(makers)(rng)


def _other(rng: Random, options: tuple[str, ...], right: str) -> str:
    return rng.choice([option for option in options if option != right])


def _some(rng: Random) -> str:
    return f"{rng.choice(COLORS)} {rng.choice(THINGS)}"


def _paint(rng: Random) -> tuple[str, str, str]:
    old, new = rng.sample(COLORS, 2)
    shape, form = rng.choice((*THINGS, "shape")), rng.choice(_PAINT)
    goal = rng.choice(("to make the {0} {1} {2} ,", "to turn a {0} {1} {2} ,", "if you want the {0} {1} to be {2} ,"))
    wrong = old if rng.random() < 0.5 else _other(rng, COLORS, new)
    return goal.format(old, shape, new), form.format(new), form.format(wrong)


def _move(rng: Random) -> tuple[str, str, str]:
    sides = rng.choice((ROWS, COLUMNS, ("up", "down")))
    right, wrong = rng.sample(sides, 2)
    place = "" if "up" in sides else "to the "
    goal = rng.choice(("to get the {0} {1}{2} ,", "to move the {0} {1}{2} ,", "to bring a {0} {1}{2} ,"))
    verb = rng.choice(("push", "pull", "slide", "carry", "move", "lift"))
    return goal.format(_some(rng), place, right), f"{verb} it {place}{right}", f"{verb} it {place}{wrong}"


def _amount(rng: Random) -> tuple[str, str, str]:
    thing = rng.choice((_some(rng), rng.choice(SHAPES)))
    more = rng.random() < 0.5
    goal = rng.choice(("to have {1} {0} ,", "to get {1} {0} ,")).format(_plural(thing), "more" if more else "fewer")
    add = rng.choice(("put one more in", "add a {0}", "draw another {0}", "place a new one")).format(thing)
    take = rng.choice(("remove one", "take a {0} out", "take one away", "erase a {0}")).format(thing)
    return (goal, add, take) if more else (goal, take, add)


def _plural(thing: str) -> str:
    *color, shape = thing.split()
    return " ".join([*color, PLURALS.get(shape, f"{shape}s")])


def _resize(rng: Random) -> tuple[str, str, str]:
    grow = rng.choice(("stretch it", "enlarge it", "draw it bigger", "make it grow"))
    shrink = rng.choice(("shrink it", "reduce it", "draw it smaller", "make it tiny"))
    if rng.random() < 0.5:
        return f"to make the {_some(rng)} {rng.choice(('larger', 'bigger', 'huge'))} ,", grow, shrink
    return f"to make the {_some(rng)} {rng.choice(('smaller', 'tiny', 'less big'))} ,", shrink, grow


def _mix(rng: Random) -> tuple[str, str, str]:
    pair, color = rng.choice(list(MIXES.items()))
    one, two = rng.sample(pair, 2)
    wrong = _other(rng, COLORS, color)
    if rng.random() < 0.5:
        return f"what color do you get if you mix {one} and {two} ?", color, wrong
    other = rng.choice([p for p, c in MIXES.items() if c != color])
    return f"to get {color} paint ,", f"mix {one} and {two}", f"mix {other[0]} and {other[1]}"


def _thing(rng: Random) -> tuple[str, str, str]:
    thing, color = rng.choice(list(COLORED.items()))
    goal = rng.choice(("what color is {} ?", "what is the color of {} ?", "the color of {} is")).format(thing)
    return goal, color, _other(rng, COLORS, color)


def _sides(rng: Random) -> tuple[str, str, str]:
    shape, number = rng.choice(list(SIDES.items()))
    if rng.random() < 0.5:
        goal = rng.choice(("how many sides does a {} have ?", "the number of sides of a {} is")).format(shape)
        return goal, number, _other(rng, NUMBERS[1:], number)
    return f"which shape has {number} sides ?", shape, _other(rng, SHAPES, shape)


def _next(rng: Random) -> tuple[str, str, str]:
    number = rng.randrange(0, 9)
    if rng.random() < 0.5:
        return (
            f"which number comes after {NUMBERS[number]} ?",
            NUMBERS[number + 1],
            _other(rng, NUMBERS, NUMBERS[number + 1]),
        )
    goal = f"which number comes before {NUMBERS[number + 1]} ?"
    return goal, NUMBERS[number], _other(rng, NUMBERS, NUMBERS[number])


def _like(rng: Random) -> tuple[str, str, str]:
    thing, shape = rng.choice(list(LIKE.items()))
    goal = rng.choice(("what shape is a {} ?", "which shape is like a {} ?", "a {} looks like a")).format(thing)
    return goal, shape, _other(rng, SHAPES, shape)


def _opposite(rng: Random) -> tuple[str, str, str]:
    word, right = rng.choice(list(OPPOSITES.items()))
    return f"what is the opposite of {word} ?", right, _other(rng, tuple(OPPOSITES), right)
