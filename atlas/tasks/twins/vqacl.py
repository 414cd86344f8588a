"""VQACL's twin: questions of ten types about scenes of shapes, one type a task, each answered by ten people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from atlas.runtime.errors import unknown
from atlas.tasks.offline.scenes import Scene, SceneShape
from atlas.tasks.offline.words import COLUMNS, ROWS, SHAPES
from atlas.tasks.published.vqa import SCORES
from atlas.tasks.published.vqacl import FOLDER, LIST, TYPES
from atlas.tasks.sample import SPLITS, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.pictures import COLORS, distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.twin import Sizes, first, twin_task
from atlas.tasks.twins.vqa import (
    COUNTS,
    SURE,
    QuestionAndAnswer,
    ask_color,
    ask_column,
    ask_count,
    ask_exists,
    ask_row,
    ask_shape,
)

SIZES = Sizes(train=480, val=120, test=240)
STARTS = {
    "train": 0,
    "val": 10_000_000,
    "test": 20_000_000,
}  # of the images' numbers, tens of which are of one type each
OUTLINES = {"round": ("circle", "ring"), "pointed": ("triangle", "star"), "straight": ("rectangle", "cross")}
TONES = {"warm": ("red", "yellow", "orange", "pink"), "cold": ("green", "blue", "purple"), "dark": ("black",)}
Shapes = tuple[SceneShape, ...]


def _of(groups: Mapping[str, tuple[str, ...]], member: str) -> str:
    return next(name for name, members in groups.items() if member in members)


def ask_place(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """On which side, or in which half, something lies."""
    return rng.choice((ask_column, ask_row))(rng, shapes)


def ask_wheel(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """Whether it would turn as a wheel does: only round ones would."""
    one = rng.choice(shapes)
    return f"would the {one.color} shape turn like a wheel ?", "yes" if one.shape in OUTLINES["round"] else "no"


def ask_move(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """The move that brings it to the middle: away from its side."""
    one = rng.choice(shapes)
    return f"where must the {one.shape} move to be in the middle ?", COLUMNS[1 - COLUMNS.index(one.column)]


def ask_outline(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """The type of its outline."""
    one = rng.choice(shapes)
    return f"what kind of outline has the {one.color} shape ?", _of(OUTLINES, one.shape)


def ask_tone(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """The kind of its colour."""
    one = rng.choice(shapes)
    return f"is the color of the {one.shape} warm , cold or dark ?", _of(TONES, one.color)


def ask_why(rng: Random, shapes: Shapes) -> QuestionAndAnswer:
    """The reason why it can do what it can: the kind of its outline."""
    one = rng.choice(shapes)
    return f"why can the {one.color} shape turn , cut or stand ?", _of(OUTLINES, one.shape)


ASKS: Mapping[str, tuple[Callable[[Random, Shapes], QuestionAndAnswer], tuple[str, ...]]] = {
    "recognition": (ask_shape, SHAPES),
    "location": (ask_place, (*COLUMNS, *ROWS)),
    "judge": (ask_exists, ("yes", "no")),
    "commonsense": (ask_wheel, ("yes", "no")),
    "count": (ask_count, COUNTS),
    "action": (ask_move, COLUMNS),
    "color": (ask_color, COLORS),
    "type": (ask_outline, tuple(OUTLINES)),
    "subcategory": (ask_tone, tuple(TONES)),
    "causal": (ask_why, tuple(OUTLINES)),
}


@dataclass(frozen=True, kw_only=True)
class VqaclSample:
    """A question about the scene of an image, what ten people answered, and the classes of its type."""

    image: int
    split: str
    scene: Scene
    text: str
    answers: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def file(self) -> str:
        """The image's name: Karpathy's val and test are of COCO's val2014."""
        return f"COCO_{'train' if self.split == 'train' else 'val'}2014_{self.image:012d}"

    def scores(self) -> tuple[tuple[int, float], ...]:
        """The soft label: each class that somebody named, with its score."""
        named = [(self.classes.index(answer), self.answers.count(answer)) for answer in sorted(set(self.answers))]
        return tuple(sorted((place, SCORES[min(count, len(SCORES) - 1)]) for place, count in named))

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        shown = pictures({f"{self.file}.jpg": self.scene})
        return Record(id=str(self.image), pictures=shown, texts=(self.text,), label=self.scores())

    def item(self) -> dict[str, object]:
        """The entry of the published list."""
        people = enumerate(self.answers, start=1)
        return {
            "img_id": self.file,
            "question_id": self.image,
            "sent": self.text,
            "label": {self.classes[place]: score for place, score in self.scores()},
            "answers": [{"answer": said, "answer_confidence": "yes", "answer_id": who} for who, said in people],
        }


@dataclass(frozen=True, kw_only=True)
class QuestionTwin:
    """The twin of one type of questions."""

    kind: str

    @property
    def task(self) -> str:
        """The twin's own name."""
        return f"vqacl-{self.kind}-twin"

    @property
    def classes(self) -> tuple[str, ...]:
        """The answers, in alphabetical order."""
        return tuple(sorted(ASKS[self.kind][1]))

    def draw(self, split: str, sizes: Sizes) -> Iterator[VqaclSample]:
        """Questions without end, one a scene. Raises UserError on an unknown split."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        place, number = tuple(TYPES).index(self.kind), STARTS[split]
        while True:
            number += 1
            yield self._question(len(TYPES) * number + place, split, sizes)

    def make(self, sizes: Sizes) -> Task:
        """The task with so many records. Raises UserError on a size below 1."""
        return twin_task(
            self.draw,
            sizes,
            name=self.task,
            title=f"VQACL's twin: {self.kind}",
            modality="vision-language",
            answers=self.classes,
            score="soft",
            chance=0.0,
            about=f"{TYPES[self.kind]} Questions about a scene of shapes, answered by ten people. Generated.",
        )

    def write_raw(self, folder: Path, sizes: Sizes) -> None:
        """A list a split in `Partition_Q/`, and the images in `{train,val}2014/`."""
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            asked = tuple(first(self.draw, split, sizes))
            items = json.dumps([one.item() for one in asked])
            (folder / FOLDER / LIST.format(split, self.kind)).write_text(items, encoding="utf-8")
            save_pictures(folder, ({f"{one.file.split('_')[1]}/{one.file}.jpg": one.scene} for one in asked))

    def _question(self, image: int, split: str, sizes: Sizes) -> VqaclSample:
        rng = Random(f"{self.task} {sizes.seed} {image}")
        scene = scene_of(rng, distinct_things(rng, rng.randint(1, 3)))
        text, truth = ASKS[self.kind][0](rng, scene.shapes)
        return VqaclSample(
            image=image, split=split, scene=scene, text=text, answers=self._people(rng, truth), classes=self.classes
        )

    def _people(self, rng: Random, truth: str) -> tuple[str, ...]:
        """Ten answers, of which at least seven are the true one and the others are of its type."""
        right = rng.choice(SURE)
        wrong = [rng.choice([answer for answer in self.classes if answer != truth]) for _ in range(10 - right)]
        return tuple(rng.sample([truth] * right + wrong, 10))


VQACL_TWINS: dict[str, QuestionTwin] = {twin.task: twin for kind in TYPES for twin in (QuestionTwin(kind=kind),)}
