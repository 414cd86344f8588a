"""VCR's twin: which of four answers is right for a question about the objects of a scene?

Tokens are words, or lists of the numbers of objects, and every object has a box. Each of the four places is right
equally often, and what the answers name is drawn alike for the right and the wrong ones: without the scene the
texts get 25 %.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.tasks.offline.scenes import SIDE, Scene, SceneShape
from atlas.tasks.offline.words import COLUMNS, ROWS
from atlas.tasks.published.vcr import CHOICES, VAL, sentence
from atlas.tasks.reading.choices import choice_text
from atlas.tasks.sample import Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_FROM, HoldOutRule, deck, numbers
from atlas.tasks.twins.pictures import COLORS, distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, published, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "vcr-twin"
ASKED = 2  # questions an image
OBJECTS = (1, 1, 2, 2, 3, 4)  # in a scene
Tokens = tuple[str | list[int], ...]
TokenQuestion = tuple[Tokens, Tokens, list[Tokens]]  # a question, its answer, and the three wrong ones


def image_name(number: int) -> str:
    """The name of the image, under the folder of images: a film's folder holds a hundred stills."""
    film = f"lsmdc_{number // 100}_shapes"
    return f"{film}/{number // 100}_shapes_00.00.{number % 100:02d}.jpg"


RULE = HoldOutRule(sister="vcr", share=VAL, key=image_name)


@dataclass(frozen=True, kw_only=True)
class VcrSample:
    """A question about the scene of an image, with four answers in tokens."""

    image: int
    scene: Scene
    place: int
    question: Tokens
    choices: tuple[Tokens, ...]
    label: int

    @property
    def part(self) -> str:
        """The published part that it is in."""
        return "val" if self.image >= TEST_FROM else "train"

    @property
    def name(self) -> str:
        """The annotation's id."""
        return f"{self.part}-{ASKED * (self.image % TEST_FROM) + self.place}"

    @property
    def objects(self) -> list[str]:
        """The name of each object."""
        return [shape.shape for shape in self.scene.shapes]

    def shown(self) -> Mapping[str, Scene]:
        """The image, under the folder of the source."""
        return {f"vcr1images/{image_name(self.image)}": self.scene}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        question, *answers = (
            sentence(tokens, self.objects, coloured=False) for tokens in (self.question, *self.choices)
        )
        texts = tuple(choice_text(question, answer) for answer in answers)
        return Record(id=self.name, pictures=pictures(self.shown()), texts=texts, label=self.label)

    def line(self) -> Mapping[str, JsonValue]:
        """The line of the published file."""
        rationale: list[JsonValue] = ["because", "it", "is", "seen", "."]
        image = image_name(self.image)
        return {
            "movie": image.partition("/")[0].removeprefix("lsmdc_"),
            "objects": [*self.objects],
            "interesting_scores": [1] * len(self.objects),
            "answer_likelihood": "likely",
            "img_fn": image,
            "metadata_fn": f"{image.removesuffix('.jpg')}.json",
            "answer_orig": plain(self.choices[self.label]),
            "question_orig": plain(self.question),
            "rationale_orig": " ".join(map(str, rationale)),
            "question": as_json(self.question),
            "answer_choices": [as_json(choice) for choice in self.choices],
            "answer_label": self.label,
            "rationale_choices": [rationale] * CHOICES,
            "rationale_label": 0,
            "img_id": f"{self.part}-{self.image}",
            "question_number": self.place,
            "annot_id": self.name,
            "match_fold": f"{self.part}-0",
            "match_index": 0,
        }

    def regions(self) -> Mapping[str, JsonValue]:
        """The metadata of the image: a box (x, y, x, y, score) and an outline for each object."""
        boxes = [box(shape) for shape in self.scene.shapes]
        outlines: list[JsonValue] = [[[[x, y], [u, y], [u, v], [x, v]]] for x, y, u, v in boxes]
        return {
            "boxes": [[*map(float, corners), 1.0] for corners in boxes],
            "segms": outlines,
            "names": [*self.objects],
            "width": SIDE,
            "height": SIDE,
        }


def as_json(tokens: Tokens) -> list[JsonValue]:
    """Tokens as a JSON list of words and lists of numbers."""
    return [token if isinstance(token, str) else [*token] for token in tokens]


def plain(tokens: Tokens) -> str:
    """Tokens as people wrote them: objects by their number, which starts at 1."""
    return " ".join(
        token if isinstance(token, str) else " and ".join(str(place + 1) for place in token) for token in tokens
    )


def box(shape: SceneShape) -> tuple[int, int, int, int]:
    """The corners of the square around a shape, within the image."""
    left, top = max(0, shape.x - shape.radius), max(0, shape.y - shape.radius)
    return left, top, min(SIDE - 1, shape.x + shape.radius), min(SIDE - 1, shape.y + shape.radius)


def ask_color(rng: Random, shapes: Sequence[SceneShape]) -> TokenQuestion:
    """The colour of an object; the wrong ones are those of other objects first."""
    place = rng.randrange(len(shapes))
    seen = [shape.color for shape in shapes if shape is not shapes[place]]
    near = rng.sample(seen, rng.randint(0, len(seen)))
    rest = [color for color in COLORS if color not in near and color != shapes[place].color]
    wrong = [*near, *rng.sample(rest, CHOICES - 1 - len(near))]
    answers: list[Tokens] = [([place], "is", color, ".") for color in (shapes[place].color, *wrong)]
    return ("what", "color", "is", [place], "?"), answers[0], answers[1:]


def ask_place(rng: Random, shapes: Sequence[SceneShape]) -> TokenQuestion:
    """The quarter in which an object lies."""
    place = rng.randrange(len(shapes))
    every = [(row, column) for row in ROWS for column in COLUMNS]
    own = (shapes[place].row, shapes[place].column)
    answers: list[Tokens] = [([place], "is", "in", "the", *spot, ".") for spot in (own, *every)]
    return ("where", "is", [place], "?"), answers[0], [answer for answer in answers if answer != answers[0]]


def ask_side(rng: Random, shapes: Sequence[SceneShape]) -> TokenQuestion | None:
    """The side on which two objects lie; None where no two share one."""
    sides = [("at", "the", row) for row in ROWS] + [("on", "the", column) for column in COLUMNS]
    found = [
        ([one, two], side)
        for one in range(len(shapes))
        for two in range(one)
        for side in sides
        if all(side[2] in (shapes[place].row, shapes[place].column) for place in (one, two))
    ]
    if not found:
        return None
    pair, own = rng.choice(found)
    wrong: list[Tokens] = [(*side, ".") for side in sides if side != own]
    return ("where", "are", pair, "?"), (*own, "."), wrong


def ask_which(rng: Random, shapes: Sequence[SceneShape]) -> TokenQuestion | None:
    """The object of a colour; None where there are fewer objects than answers."""
    if len(shapes) < CHOICES:
        return None
    place = rng.randrange(len(shapes))
    wrong: list[Tokens] = [([other], ".") for other in range(len(shapes)) if other != place]
    return ("what", "is", shapes[place].color, "?"), ([place], "."), wrong


ASKS: tuple[Callable[[Random, Sequence[SceneShape]], TokenQuestion | None], ...] = (
    ask_color,
    ask_place,
    ask_side,
    ask_which,
)


def ask(rng: Random, shapes: Sequence[SceneShape]) -> TokenQuestion:
    """A question that can be asked of these objects."""
    while True:
        if asked := rng.choice(ASKS)(rng, shapes):
            return asked


def draw(split: str, sizes: Sizes) -> Iterator[VcrSample]:
    """Questions without end, two a scene."""
    labels = deck(f"{NAME} {sizes.seed} {split}", CHOICES)
    for image in numbers(split, RULE):
        rng = Random(f"{NAME} {sizes.seed} {image}")
        scene = scene_of(rng, distinct_things(rng, rng.choice(OBJECTS)))
        for place in range(ASKED):
            question, right, wrong = ask(rng, scene.shapes)
            choices, label = rng.sample(wrong, len(wrong)), next(labels)
            choices.insert(label, right)
            yield VcrSample(
                image=image, scene=scene, place=place, question=question, choices=tuple(choices), label=label
            )


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="VCR's twin",
        modality="vision-language",
        choices=CHOICES,
        chance=100 / CHOICES,
        about="Which of four answers is right of the objects of a scene? Generated; the texts alone get 25 %.",
        role="downstream",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """`{train,val}.jsonl`, and under `vcr1images/` an image and its metadata for each still."""
    for part, split in (("train", "train"), ("val", "test")):
        write_lines(folder / f"{part}.jsonl", (one.line() for one in published(draw, split, sizes)))
        save_pictures(folder, (one.shown() for one in published(draw, split, sizes)))
        for one in published(draw, split, sizes):
            for name in one.shown():
                (folder / name).with_suffix(".json").write_text(json.dumps(one.regions()))


TWIN = Twin(sister="vcr", make=make, write_raw=write_raw)
