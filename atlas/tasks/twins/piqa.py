"""PIQA's twin: a goal and two solutions, one of which reaches it, over the words of coloured shapes.

Records come in couples that share their two solutions and differ in the goal, so that each solution is right exactly
as often as it is wrong, and nobody can tell without the goal. Eight kinds take turns. A small model learns word
associations between goal and solution first (`act`, `move`, `place`); the other kinds need comparisons.
No couple is in two splits: `test` has couples of its own by their hash, and the sister's rule tells `val` from `train`
by the goal.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.runtime.errors import unknown
from atlas.tasks.published.piqa import VAL
from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.splits import held_out
from atlas.tasks.sample import SPLITS, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_EIGHTHS, eighth
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, published, twin_task

NAME = "piqa-twin"
COLOURS = ("red", "green", "blue", "yellow", "black", "gray", "brown", "teal")
SHAPES = ("circle", "rectangle", "triangle", "square", "star", "cross")
OPENINGS = tuple(f"{word} {{}} {mark}" for word in ("to", "now", "i", "you", "we", "they") for mark in ",:?")


@dataclass(frozen=True, kw_only=True)
class Couple:
    """Two goals and two solutions; the first solution reaches the first goal, the second the second."""

    goals: tuple[str, str]
    solutions: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class PiqaSample:
    """A goal, two solutions, and which of them reaches it. `name` is its line in the published file."""

    name: str
    goal: str
    solutions: tuple[str, str]
    label: int

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        texts = tuple(choice_text(self.goal, solution) for solution in self.solutions)
        return Record(id=self.name, pictures=(), texts=texts, label=self.label)

    def line(self) -> Mapping[str, str]:
        """The line of the published file."""
        return {"goal": self.goal, "sol1": self.solutions[0], "sol2": self.solutions[1]}


DEEDS = (
    ("get the {}", "take the {} ."),
    ("remove the {}", "take the {} away ."),
    ("show the {}", "draw the {} ."),
    ("make the {} bigger", "stretch the {} ."),
    ("make the {} smaller", "shrink the {} ."),
    ("hide the {}", "cover the {} ."),
)


def two_shapes(generator: random.Random) -> tuple[str, str]:
    """Two different coloured shapes, which may share the colour or the shape."""
    every = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    first, second = generator.sample(every, 2)
    return first, second


def act(generator: random.Random) -> Couple:
    """One shape, two deeds: showing is drawing, removing is taking away, getting is taking, and so on."""
    one, _ = two_shapes(generator)
    (goal, way), (other_goal, other_way) = generator.sample(DEEDS, 2)
    goals = (goal.format(one), other_goal.format(one))
    return Couple(goals=goals, solutions=(way.format(one), other_way.format(one)))


def choose(generator: random.Random) -> Couple:
    """One deed, two shapes: the solution names what the goal names."""
    one, two = two_shapes(generator)
    goal, way = generator.choice(DEEDS)
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
    """The right solution must leave the goal's shape alone."""
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
TURNS = (act, place, act, repaint, act, move, act, keep, choose, act, turn, refuse)  # easy ones come often


def bucket(couple: Couple) -> int:
    """The eighth to which a couple belongs, whichever way round it was drawn."""
    return eighth(" | ".join(sorted(couple.goals) + sorted(couple.solutions)))


def opened(goal: str, split: str, generator: random.Random) -> str | None:
    """The goal under one of the openings that put it into the split by the sister's rule, if there is one."""
    goals = [opening.format(goal) for opening in OPENINGS]
    if split != "test":
        goals = [text for text in goals if held_out("piqa", text, VAL) == (split == "val")]
    return generator.choice(goals) if goals else None


def draw_couple(kind: Callable[[random.Random], Couple], split: str, generator: random.Random) -> Couple:
    """The next couple of that kind that belongs to the split."""
    while True:
        couple = kind(generator)
        if (bucket(couple) in TEST_EIGHTHS) != (split == "test"):
            continue
        first, second = (opened(goal, split, generator) for goal in couple.goals)
        if first and second:
            return Couple(goals=(first, second), solutions=couple.solutions)


def couples(split: str, sizes: Sizes) -> Iterator[Couple]:
    """Couples of a split without end, the kinds by their turns."""
    generator = random.Random(f"piqa-twin {sizes.seed} {split}")
    for kind in itertools.cycle(TURNS):
        yield draw_couple(kind, split, generator)


def draw(split: str, sizes: Sizes) -> Iterator[PiqaSample]:
    """Choices without end: two a couple, each with both solutions in either order."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    order = random.Random(f"piqa-twin order {sizes.seed} {split}")
    part = "valid" if split == "test" else "train"
    lines = itertools.count(1 + (sizes.val if split == "train" else 0))  # `val` comes first in its file
    for couple in couples(split, sizes):
        sides = order.sample((0, 1), 2)
        for side in order.sample((0, 1), 2):
            solutions = (couple.solutions[sides[0]], couple.solutions[sides[1]])
            yield PiqaSample(
                name=f"{part}-{next(lines)}", goal=couple.goals[side], solutions=solutions, label=sides.index(side)
            )


def make(sizes: Sizes) -> Task:
    """The twin of PIQA with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="PIQA's twin",
        modality="language",
        choices=2,
        chance=50.0,
        about="Which of two solutions reaches the goal? Generated; the solutions alone get 50 %.",
        version=3,
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """`{train,valid}.jsonl`, and a label a line in `{train,valid}-labels.lst`."""
    for part, split in (("train", "train"), ("valid", "test")):
        write_lines(folder / f"{part}.jsonl", (one.line() for one in published(draw, split, sizes)))
        write_lines(folder / f"{part}-labels.lst", (str(one.label) for one in published(draw, split, sizes)))


TWIN = Twin(sister="piqa", make=make, write_raw=write_raw)
