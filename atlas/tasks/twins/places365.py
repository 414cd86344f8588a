"""Places365's twin: which scene is this? A kind of background with an arrangement of things, whatever they are."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from atlas.tasks.offline.scenes import Scene, sample_background, sample_shape
from atlas.tasks.offline.words import GROUNDS
from atlas.tasks.published.places365 import CATEGORIES, LISTS, VAL
from atlas.tasks.sample import NO_TEXT, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_FROM, HoldOutRule, deck, numbers
from atlas.tasks.twins.pictures import COLORS, pictures, save_pictures
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, published, twin_task

NAME = "places365-twin"
FOLDERS = {"train": "data_256/", "val": "val_256/"}
LONE = (20, 24)  # radius of a thing that stands alone
MANY = (8, 11)
# Where the things of an arrangement stand, in 64ths of the side.
ARRANGEMENTS: dict[str, tuple[tuple[int, int], ...]] = {
    "row": ((12, 32), (32, 32), (52, 32)),
    "column": ((32, 12), (32, 32), (32, 52)),
    "corners": ((13, 13), (51, 13), (13, 51), (51, 51)),
    "single": ((32, 32),),
}
SCENES = tuple(sorted(f"{ground}_{arrangement}" for ground in GROUNDS for arrangement in ARRANGEMENTS))


def path_of(label: int) -> str:
    """The path of a class, with the letter that it begins with."""
    return f"{SCENES[label][0]}/{SCENES[label]}"


def file_of(label: int, number: int) -> str:
    """The name of an image, under the folder of the source."""
    if number >= TEST_FROM:
        return f"{FOLDERS['val']}Places365_val_{number - TEST_FROM + 1:08d}.jpg"
    return f"{FOLDERS['train']}{path_of(label)}/{number:08d}.jpg"


@dataclass(frozen=True, kw_only=True)
class Places365Sample:
    """The picture of a scene, and its place in SCENES."""

    file: str
    scene: Scene
    label: int

    def shown(self) -> Mapping[str, Scene]:
        """The image, under the folder of the source."""
        return {self.file: self.scene}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        return Record(id=self.file, pictures=pictures(self.shown()), texts=(NO_TEXT,), label=self.label)

    def line(self) -> str:
        """The line of the official list: paths of training images begin with a slash."""
        folder, _, name = self.file.partition("/")
        return f"{'/' if f'{folder}/' == FOLDERS['train'] else ''}{name} {self.label}"


def arrange(rng: Random, label: int) -> Scene:
    """A scene of the class: colours, shapes and sizes of its things are drawn anew."""
    ground, arrangement = SCENES[label].split("_")
    spots = ARRANGEMENTS[arrangement]
    radius = LONE if len(spots) == 1 else MANY
    shapes = tuple(
        sample_shape(
            rng,
            center=(x + rng.randint(-2, 2), y + rng.randint(-2, 2)),
            radius=radius,
            colors=COLORS,
            textures=("plain",),
        )
        for x, y in spots
    )
    background = sample_background(rng, avoid=[shape.rgb for shape in shapes], kinds=(ground,), light=0.5)
    return Scene(background=background, shapes=shapes)


def draw(split: str, sizes: Sizes) -> Iterator[Places365Sample]:
    """Views without end, the classes in turn; each class has numbers of its own, as its folder has."""
    rules = [
        HoldOutRule(sister="places365", share=VAL, key=functools.partial(file_of, label))
        for label in range(len(SCENES))
    ]
    streams = [numbers(split, rule) for rule in rules]
    for place, label in enumerate(deck(f"{NAME} {sizes.seed} {split}", len(SCENES))):
        number = TEST_FROM + place if split == "test" else next(streams[label])
        rng = Random(f"{NAME} {sizes.seed} {label} {number}")
        yield Places365Sample(file=file_of(label, number), scene=arrange(rng, label), label=label)


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="Places365's twin",
        modality="vision",
        answers=SCENES,
        chance=100 / len(SCENES),
        about=f"Which of {len(SCENES)} scenes is this? A kind of background with an arrangement of things. Generated.",
        role="downstream",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """The list of categories, the official lists of files, and the images in `data_256/` and `val_256/`."""
    write_lines(folder / CATEGORIES, (f"/{path_of(label)} {label}" for label in range(len(SCENES))))
    for part, split in (("train", "train"), ("val", "test")):
        write_lines(folder / LISTS[part], (one.line() for one in published(draw, split, sizes)))
        save_pictures(folder, (one.shown() for one in published(draw, split, sizes)))


TWIN = Twin(sister="places365", make=make, write_raw=write_raw)
