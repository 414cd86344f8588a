"""NLVR2's twin: is a sentence true of two scenes?

Records come in fours: two pairs of scenes, and two sentences of one form, of which the first is true of the first
pair alone and the second of the second pair alone. So each sentence, and each pair, is right exactly half of the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.runtime.errors import unknown
from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import SHAPES
from atlas.tasks.published.nlvr2 import ANSWERS, PARTS
from atlas.tasks.sample import Record
from atlas.tasks.task import Task
from atlas.tasks.twins.pictures import COLORS, Thing, distinct_things, pictures, save_pictures, scene_of, single_of
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, first, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "nlvr2-twin"
FOLDERS = 100  # numbered ones, for the training images
Side = Sequence[Thing]  # what one scene shows


@dataclass(frozen=True, kw_only=True)
class SceneStatement:
    """A sentence about two scenes, and the test of it."""

    text: str
    holds: Callable[[Side, Side], bool]


@dataclass(frozen=True, kw_only=True)
class StatementForm:
    """Statements of one kind, and how many things (fewest, most) the scenes show that they are said of."""

    statements: tuple[SceneStatement, ...]
    things: tuple[int, int]


def shows(side: Side, noun: str) -> bool:
    """Whether something of a scene has the colour or the shape that is called so."""
    return any(noun in thing for thing in side)


def about(text: str, holds: Callable[[bool, bool], bool]) -> StatementForm:
    """One statement for each colour and shape: `holds` is told whether the left and the right scene show it."""

    def statement(noun: str, words: str) -> SceneStatement:
        return SceneStatement(text=text.format(words), holds=lambda one, two: holds(shows(one, noun), shows(two, noun)))

    colors = [statement(color, f"{color} shape") for color in COLORS]
    return StatementForm(statements=(*colors, *(statement(shape, shape) for shape in SHAPES)), things=(1, 1))


SAME = StatementForm(
    statements=(
        SceneStatement(text="both shapes have the same color .", holds=lambda a, b: a[0][0] == b[0][0]),
        SceneStatement(text="the shapes have different colors .", holds=lambda a, b: a[0][0] != b[0][0]),
    ),
    things=(1, 1),
)
COUNTED = StatementForm(
    statements=(
        SceneStatement(text="the left image shows more shapes .", holds=lambda a, b: len(a) > len(b)),
        SceneStatement(text="the right image shows more shapes .", holds=lambda a, b: len(a) < len(b)),
    ),
    things=(1, 3),
)
FORMS = (
    about("the left image shows a {} .", lambda left, right: left),
    about("the right image shows a {} .", lambda left, right: right),
    about("both images show a {} .", lambda left, right: left and right),
    about("one of the images shows a {} .", lambda left, right: left or right),
    about("no image shows a {} .", lambda left, right: not left and not right),
    SAME,
    COUNTED,
)


@dataclass(frozen=True, kw_only=True)
class Nlvr2Sample:
    """A sentence said of two scenes, and whether it is true."""

    identifier: str
    scenes: tuple[Scene, Scene]
    text: str
    label: int

    @property
    def set(self) -> tuple[str, int]:
        """The published part, and the number of the four that this one belongs to."""
        part, number, _ = self.identifier.split("-", 2)
        return part, int(number)

    def shown(self) -> Mapping[str, Scene]:
        """Both images, under the folder of the source: those of `train` lie in numbered folders."""
        part, number = self.set
        folder = f"{part}/{number % FOLDERS}" if part == "train" else part
        stem = self.identifier.rpartition("-")[0]
        return {f"{folder}/{stem}-img{side}.png": scene for side, scene in enumerate(self.scenes)}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        return Record(id=self.identifier, pictures=pictures(self.shown()), texts=(self.text,), label=self.label)

    def line(self) -> Mapping[str, JsonValue]:
        """The line of the published file; `directory` is there for training pairs alone."""
        part, number = self.set
        left, right = (f"https://images.example/{name}" for name in self.shown())
        return {
            "identifier": self.identifier,
            "sentence": self.text,
            "label": ANSWERS[self.label],
            "left_url": left,
            "right_url": right,
            "writer": "generator",
            "synset": "shape",
            "query": "shapes",
            "validation": {"generator": ANSWERS[self.label]},
            "extra_validations": {},
            **({"directory": number % FOLDERS} if part == "train" else {}),
        }


def contrast(rng: Random, form: StatementForm) -> tuple[tuple[Side, ...], tuple[str, str]]:
    """Four scenes' things, a pair after a pair, and two sentences: each is true of one pair, in this order."""
    while True:
        left, right, other_left, other_right = (distinct_things(rng, rng.randint(*form.things)) for _ in range(4))
        verdicts = [(s.text, s.holds(left, right), s.holds(other_left, other_right)) for s in form.statements]
        ours = [text for text, one, two in verdicts if one and not two]
        theirs = [text for text, one, two in verdicts if two and not one]
        if ours and theirs:
            return (left, right, other_left, other_right), (rng.choice(ours), rng.choice(theirs))


def draw(split: str, sizes: Sizes) -> Iterator[Nlvr2Sample]:
    """Judgements without end, four a set, the forms in turn."""
    if split not in PARTS:
        raise unknown("split", split, PARTS)
    for number in itertools.count(1):
        rng = Random(f"{NAME} {sizes.seed} {split} {number}")
        form = FORMS[number % len(FORMS)]
        things, texts = contrast(rng, form)
        scenes = [scene_of(rng, some) if form is COUNTED else single_of(rng, some[0]) for some in things]
        pairs = ((scenes[0], scenes[1]), (scenes[2], scenes[3]))
        for pair, said in rng.sample([(0, 0), (0, 1), (1, 0), (1, 1)], 4):
            name = f"{PARTS[split]}-{number}-{pair}-{said}"
            yield Nlvr2Sample(identifier=name, scenes=pairs[pair], text=texts[said], label=int(pair == said))


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="NLVR2's twin",
        modality="vision-language",
        answers=ANSWERS,
        images=2,
        chance=50.0,
        about="Is a sentence true of two scenes of shapes? Generated; the sentence or the scenes alone get 50 %.",
        role="downstream",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """`{train,dev,test1}.json`, a JSON object a line, and `<part>/…-img{0,1}.png`."""
    for split, part in PARTS.items():
        write_lines(folder / f"{part}.json", (one.line() for one in first(draw, split, sizes)))
        save_pictures(folder, (one.shown() for one in first(draw, split, sizes)))


TWIN = Twin(sister="nlvr2", make=make, write_raw=write_raw)
