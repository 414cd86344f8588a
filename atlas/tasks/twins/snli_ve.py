"""SNLI-VE's twin: does a scene entail a sentence, contradict it, or leave it open?

Every scene has three sentences of one form, one of each class. "The circle is red" is entailed by a red circle,
contradicted by a circle of another colour, and left open by a scene without a circle. Colours, shapes and places are
drawn so that each sentence is of each class equally often: the sentence alone, and the scene alone, get 33.3 %.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.tasks.offline.easy_ve import ANSWERS
from atlas.tasks.offline.scenes import Scene, SceneShape
from atlas.tasks.offline.words import COLUMNS, ROWS, SHAPES
from atlas.tasks.published.snli_ve import PARTS
from atlas.tasks.sample import Record
from atlas.tasks.task import Task
from atlas.tasks.twins.pictures import COLORS, distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, first, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "snli-ve-twin"
FIRST = {"train": 1_000_000_001, "val": 2_000_000_001, "test": 3_000_000_001}  # image ids of the splits
PLACES = tuple(f"{row} {column}" for row in ROWS for column in COLUMNS)
Triple = tuple[str, str, str]  # sentences in the order of ANSWERS


@dataclass(frozen=True, kw_only=True)
class SnliVeSample:
    """A sentence about the scene of an image, and its place in ANSWERS."""

    image: int
    scene: Scene
    text: str
    label: int

    @property
    def pair(self) -> str:
        """The id of the pair, as SNLI has it: image, caption, and the initial of the class."""
        return f"{self.image}.jpg#0r1{ANSWERS[self.label][0]}"

    def shown(self) -> Mapping[str, Scene]:
        """The image, under the folder of the source."""
        return {f"flickr30k_images/{self.image}.jpg": self.scene}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        return Record(id=self.pair, pictures=pictures(self.shown()), texts=(self.text,), label=self.label)

    def line(self) -> Mapping[str, JsonValue]:
        """The line of the published file."""
        caption = " and ".join(f"a {shape.color} {shape.shape}" for shape in self.scene.shapes) + " ."
        label = ANSWERS[self.label]
        return {
            "annotator_labels": [label] * 5,
            "captionID": f"{self.image}.jpg#0",
            "gold_label": label,
            "pairID": self.pair,
            "sentence1": caption,
            "sentence2": self.text,
            "Flickr30K_ID": str(self.image),
        }


def other(rng: Random, every: tuple[str, ...], own: str, seen: list[str]) -> str:
    """A value that is not the own one: every second time one that something else in the scene has."""
    near = [value for value in seen if value != own]
    if near and rng.random() < 0.5:
        return rng.choice(near)
    return rng.choice([value for value in every if value != own])


def absent(rng: Random, every: tuple[str, ...], seen: list[str]) -> str:
    """A value that nothing in the scene has."""
    return rng.choice([value for value in every if value not in seen])


def colored(rng: Random, shapes: tuple[SceneShape, ...]) -> Triple:
    """The colour of a shape."""
    one, colors = rng.choice(shapes), [shape.color for shape in shapes]
    gone = absent(rng, SHAPES, [shape.shape for shape in shapes])
    form = "the {} is {} ."
    return (
        form.format(one.shape, one.color),
        form.format(gone, rng.choice((rng.choice(colors), rng.choice(COLORS)))),
        form.format(one.shape, other(rng, COLORS, one.color, colors)),
    )


def shaped(rng: Random, shapes: tuple[SceneShape, ...]) -> Triple:
    """The shape of what has a colour."""
    one, kinds = rng.choice(shapes), [shape.shape for shape in shapes]
    gone = absent(rng, COLORS, [shape.color for shape in shapes])
    form = "the {} shape is a {} ."
    return (
        form.format(one.color, one.shape),
        form.format(gone, rng.choice((rng.choice(kinds), rng.choice(SHAPES)))),
        form.format(one.color, other(rng, SHAPES, one.shape, kinds)),
    )


def placed(rng: Random, shapes: tuple[SceneShape, ...]) -> Triple:
    """The place of a shape."""
    one, places = rng.choice(shapes), [f"{shape.row} {shape.column}" for shape in shapes]
    gone = absent(rng, SHAPES, [shape.shape for shape in shapes])
    own, form = f"{one.row} {one.column}", "the {} is in the {} ."
    return (
        form.format(one.shape, own),
        form.format(gone, rng.choice((rng.choice(places), rng.choice(PLACES)))),
        form.format(one.shape, other(rng, PLACES, own, places)),
    )


KINDS: tuple[Callable[[Random, tuple[SceneShape, ...]], Triple], ...] = (colored, shaped, placed)


def draw(split: str, sizes: Sizes) -> Iterator[SnliVeSample]:
    """Sentences without end, three a scene, the forms in turn."""
    for image in itertools.count(FIRST[split]):
        rng = Random(f"{NAME} {sizes.seed} {image}")
        scene = scene_of(rng, distinct_things(rng, rng.randint(1, 2)))
        texts = KINDS[image % len(KINDS)](rng, scene.shapes)
        for label in rng.sample(range(3), 3):
            yield SnliVeSample(image=image, scene=scene, text=texts[label], label=label)


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="SNLI-VE's twin",
        modality="vision-language",
        answers=ANSWERS,
        chance=100 / 3,
        about="Does a scene of shapes entail a sentence? Generated; the sentence or the scene alone get 33.3 %.",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """`snli_ve_{train,dev,test}.jsonl` and `flickr30k_images/<id>.jpg`."""
    for split, part in PARTS.items():
        write_lines(folder / f"snli_ve_{part}.jsonl", (one.line() for one in first(draw, split, sizes)))
        save_pictures(folder, (one.shown() for one in first(draw, split, sizes)))


TWIN = Twin(sister="snli-ve", make=make, write_raw=write_raw)
