"""easy-pair: is a sentence about two images true? From easy-VQA's images, in the shape of NLVR2.

Records come in fours: a sentence and its denial, each paired with images that fit the sentence and with images
that differ in one and do not. So each sentence, and each pair, is right exactly half of the time.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from atlas.tasks.offline.easy_vqa import COLOURS, LICENCE, SHAPES, Facts, known_facts, package_sources, picture
from atlas.tasks.sample import Record
from atlas.tasks.task import Task

ANSWERS = ("false", "true")
FOURS = {"train": 2000, "val": 200, "test": 500}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A sentence about two images, its denial, and the test of it."""

    text: str
    denial: str
    holds: Callable[[Facts, Facts], bool]


def same_colour(generator: random.Random) -> Statement:
    return Statement(
        text="both shapes have the same color .",
        denial="the shapes have different colors .",
        holds=lambda left, right: left.colour == right.colour,
    )


def same_shape(generator: random.Random) -> Statement:
    return Statement(
        text="both images contain the same shape .",
        denial="the images contain different shapes .",
        holds=lambda left, right: left.shape == right.shape,
    )


def shows(generator: random.Random) -> tuple[str, Callable[[Facts], bool]]:
    """A phrase for a colour or a shape, and its test on an image."""
    colour, shape = generator.choice(COLOURS), generator.choice(SHAPES)
    if generator.random() < 0.5:
        return f"{colour} shape", lambda facts: facts.colour == colour
    return shape, lambda facts: facts.shape == shape


def one_side(generator: random.Random) -> Statement:
    what, fits = shows(generator)
    side = generator.choice(("left", "right"))
    return Statement(
        text=f"the {side} image contains a {what} .",
        denial=f"the {side} image does not contain a {what} .",
        holds=lambda left, right: fits(left if side == "left" else right),
    )


def both_sides(generator: random.Random) -> Statement:
    what, fits = shows(generator)
    return Statement(
        text=f"both images contain a {what} .",
        denial=f"one of the images does not contain a {what} .",
        holds=lambda left, right: fits(left) and fits(right),
    )


def either_side(generator: random.Random) -> Statement:
    what, fits = shows(generator)
    return Statement(
        text=f"one of the images contains a {what} .",
        denial=f"no image contains a {what} .",
        holds=lambda left, right: fits(left) or fits(right),
    )


STATEMENTS = (one_side, both_sides, either_side, same_colour, same_shape)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A sentence about two images of a split, and its class in ANSWERS."""

    id: str
    images: tuple[int, int]
    text: str
    label: int


def contrast(
    statement: Statement, known: dict[int, Facts], generator: random.Random
) -> tuple[tuple[int, int], tuple[int, int]]:
    """A pair of images that fits the statement, and one that differs in one image and does not."""
    numbers = list(known)
    while True:
        left, right, new = generator.sample(numbers, 3)
        pair, other = (left, right), (new, right) if generator.random() < 0.5 else (left, new)
        fits, other_fits = (statement.holds(known[i], known[j]) for i, j in (pair, other))
        if fits != other_fits:
            return (pair, other) if fits else (other, pair)


@functools.cache
def judgements(split: str) -> tuple[Judgement, ...]:
    """All records of a split, shuffled by a fixed seed."""
    generator = random.Random(f"easy-pair {split}")
    known = {i: facts for i, facts in known_facts(split).items() if facts.colour and facts.shape}
    found = []
    for number in range(FOURS[split]):
        statement = STATEMENTS[number % len(STATEMENTS)](generator)
        fits, other = contrast(statement, known, generator)
        cases = (
            (fits, statement.text, 1),
            (other, statement.text, 0),
            (fits, statement.denial, 0),
            (other, statement.denial, 1),
        )
        for case, (images, text, label) in enumerate(cases):
            found.append(Judgement(id=f"{split}-{number}-{case}", images=images, text=text, label=label))
    generator.shuffle(found)
    return tuple(found)


def read_judgements(split: str, source: Path | None) -> Iterator[Record]:
    """The records of a split; the files are easy-VQA's."""
    for one in judgements(split):
        yield Record(
            id=one.id,
            pictures=tuple(picture(split, image) for image in one.images),
            texts=(one.text,),
            label=one.label,
        )


EASY_PAIR = Task(
    name="easy-pair",
    title="easy-Pair",
    modality="vision-language",
    answers=ANSWERS,
    images=2,
    chance=50.0,
    licence=LICENCE,
    about="True or false of two of easy-VQA's images; sentence alone and images alone get 50 %.",
    version=1,
    read=read_judgements,
    sources=package_sources,
)
