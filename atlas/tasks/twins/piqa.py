"""Generated twins of the large benchmarks: same record, head and score, over the words of coloured shapes.

`piqa-twin`: a goal and two solutions, one of which reaches it. Records come in couples that share their two
solutions and differ in the goal, so that each solution is right exactly as often as it is wrong, and nobody
can tell without the goal. Eight kinds take turns. What a small model learns first is what a word of the goal
says of a word of the solution (`act`, `move`, `place`); the rest asks it to compare
things. The bodies of goals are dealt to the splits by their hash: no couple is in two.
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from atlas.errors import AtlasError, unknown
from atlas.tasks.task import SPLITS, Record, Task

COLOURS = ("red", "green", "blue", "yellow", "black", "gray", "brown", "teal")
SHAPES = ("circle", "rectangle", "triangle", "square", "star", "cross")
OPENINGS = ("to {} ,", "how to {} ?", "can you {} ?")  # with them no text is longer than 22 words: vilt-tiny reads 24
BUCKETS = {"train": range(5), "val": range(5, 6), "test": range(6, 8)}  # eighths of all couples
TRIES = 50  # draws for a couple that is not in the split yet; then it may repeat


@dataclass(frozen=True, kw_only=True)
class Couple:
    """Two goals and two solutions; the first solution reaches the first goal, the second the second."""

    goals: tuple[str, str]
    solutions: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Records a split, and the seed of the draw."""

    train: int = 4000
    val: int = 500
    test: int = 1000
    seed: int = 0


def two_shapes(generator: random.Random) -> tuple[str, str]:
    """Two different coloured shapes, which may share the colour or the shape."""
    every = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    first, second = generator.sample(every, 2)
    return first, second


def act(generator: random.Random) -> Couple:
    """One shape, two deeds: showing is drawing, removing is taking away, getting is taking."""
    one, _ = two_shapes(generator)
    deeds = (("get the {}", "take the {} ."), ("remove the {}", "take the {} away ."), ("show the {}", "draw the {} ."))
    (goal, way), (other_goal, other_way) = generator.sample(deeds, 2)
    goals = (goal.format(one), other_goal.format(one))
    return Couple(goals=goals, solutions=(way.format(one), other_way.format(one)))


def choose(generator: random.Random) -> Couple:
    """One deed, two shapes: the solution names what the goal names."""
    one, two = two_shapes(generator)
    goal, way = generator.choice(
        (("get the {}", "take the {} ."), ("remove the {}", "take the {} away ."), ("show the {}", "draw the {} ."))
    )
    return Couple(goals=(goal.format(one), goal.format(two)), solutions=(way.format(one), way.format(two)))


def repaint(generator: random.Random) -> Couple:
    """The solution names the new colour, among two that the goal names."""
    one, two = generator.sample(COLOURS, 2)
    before = generator.choice([colour for colour in COLOURS if colour not in (one, two)])
    what = f"{before} {generator.choice(SHAPES)}"
    goals = (f"make the {what} {one}", f"make the {what} {two}")
    return Couple(goals=goals, solutions=(f"paint it {one} .", f"paint it {two} ."))


def turn(generator: random.Random) -> Couple:
    """Both solutions have the goal's words; their order decides."""
    one, two = generator.sample(COLOURS, 2)
    shape = generator.choice(SHAPES)
    goals = (f"make the {one} {shape} {two}", f"make the {two} {shape} {one}")
    ways = (f"paint the {one} {shape} {two} .", f"paint the {two} {shape} {one} .")
    return Couple(goals=goals, solutions=ways)


def move(generator: random.Random) -> Couple:
    """One shape, two ways: above is up, below is down, left is left."""
    one, two = two_shapes(generator)
    here, there, way, back = generator.choice(
        (("above", "below", "up", "down"), ("left of", "right of", "left", "right"))
    )
    goals = (f"get the {one} {here} the {two}", f"get the {one} {there} the {two}")
    return Couple(goals=goals, solutions=(f"move the {one} {way} .", f"move the {one} {back} ."))


def keep(generator: random.Random) -> Couple:
    """What the goal names is what the right solution must not touch."""
    one, two = two_shapes(generator)
    goals = (f"keep only the {one} of the {one} and the {two}", f"keep only the {two} of the {one} and the {two}")
    return Couple(goals=goals, solutions=(f"take the {two} away .", f"take the {one} away ."))


def place(generator: random.Random) -> Couple:
    """The same place, said from the other side."""
    one, two = two_shapes(generator)
    here, there = generator.choice((("above", "below"), ("left of", "right of")))
    goals = (f"see the {one} {here} the {two}", f"see the {one} {there} the {two}")
    ways = (f"put the {two} {there} the {one} .", f"put the {two} {here} the {one} .")
    return Couple(goals=goals, solutions=ways)


def refuse(generator: random.Random) -> Couple:
    """The goal excludes a colour, the solution names the shape that has the other."""
    (one, two), (first, second) = generator.sample(COLOURS, 2), generator.sample(SHAPES, 2)
    both = f"of the {one} {first} and the {two} {second}"
    goals = (f"get the one {both} that is not {two}", f"get the one {both} that is not {one}")
    return Couple(goals=goals, solutions=(f"take the {first} .", f"take the {second} ."))


KINDS: tuple[Callable[[random.Random], Couple], ...] = (act, choose, repaint, turn, move, keep, place, refuse)


def bucket(couple: Couple) -> int:
    """The eighth to which a couple belongs, whichever way round it was drawn."""
    key = " | ".join(sorted(couple.goals) + sorted(couple.solutions))
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 8


def draw_couple(kind: Callable[[random.Random], Couple], split: str, generator: random.Random) -> Couple:
    """The next couple of that kind that belongs to the split, under one of the openings."""
    couple = kind(generator)
    while bucket(couple) not in BUCKETS[split]:
        couple = kind(generator)
    opening = generator.choice(OPENINGS)
    first, second = couple.goals
    return Couple(goals=(opening.format(first), opening.format(second)), solutions=couple.solutions)


def couples(split: str, sizes: Sizes) -> Iterator[Couple]:
    """Couples of a split without end, the kinds in turn, new ones as long as they are easily found."""
    generator = random.Random(f"piqa-twin {sizes.seed} {split}")
    seen = set()
    while True:
        for kind in KINDS:
            for _ in range(TRIES):
                couple = draw_couple(kind, split, generator)
                if frozenset(couple.goals) not in seen:
                    break
            seen.add(frozenset(couple.goals))
            yield couple


def read_couples(split: str, source: Path | None, *, sizes: Sizes) -> Iterator[Record]:
    """The records of a split: two a couple, each with both solutions in the couple's order."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    order = random.Random(f"piqa-twin order {sizes.seed} {split}")
    left = int(getattr(sizes, split))
    for number, couple in enumerate(couples(split, sizes)):
        sides = order.sample((0, 1), 2)
        for side in order.sample((0, 1), 2)[:left]:
            texts = tuple(f"{couple.goals[side]} {couple.solutions[i]}" for i in sides)
            yield Record(id=f"{split}-{number}-{side}", pictures=(), texts=texts, label=sides.index(side))
        left -= 2
        if left <= 0:
            return


def generator_sources(source: Path | None, *, sizes: Sizes) -> Mapping[str, str]:
    """The settings of the generator: they decide every record."""
    return {f"piqa-twin {name}": str(value) for name, value in asdict(sizes).items()}


def piqa_twin(sizes: Sizes | None = None) -> Task:
    """The twin of PIQA with so many records. Raises AtlasError on a size below 1."""
    sizes = sizes or Sizes()
    for split in SPLITS:
        if getattr(sizes, split) < 1:
            raise AtlasError(f"piqa-twin needs at least 1 record a split, got {split}={getattr(sizes, split)}")
    return Task(
        name="piqa-twin",
        title="PIQA's twin",
        modality="language",
        choices=2,
        chance=50.0,
        licence="Apache-2.0 (generated)",
        about="Which of two solutions reaches the goal? Generated; the solutions alone get 50 %.",
        version=1,
        read=functools.partial(read_couples, sizes=sizes),
        sources=functools.partial(generator_sources, sizes=sizes),
    )


PIQA_TWIN = piqa_twin()
