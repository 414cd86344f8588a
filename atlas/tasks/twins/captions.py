"""Twins of the data sets of captions: scenes of two or three things, five captions each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from atlas.tasks.offline.scenes import Scene, SceneShape
from atlas.tasks.offline.words import COLUMNS, ROWS
from atlas.tasks.published.captions import COCO_FILE, FLICKR_FILE, PROMPT
from atlas.tasks.sample import SPLITS, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.pictures import distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.twin import Sizes, first, twin_task

SIZES = Sizes(train=480, val=120, test=240)
THINGS = (2, 3)


def captions_of(scene: Scene) -> tuple[str, ...]:
    """Five captions: by quadrants, and by things, in either order, with and without their places."""
    things = [f"{'an' if one.color == 'orange' else 'a'} {name_of(one)}" for one in scene.shapes]
    placed = [f"{thing} at the {one.row} {one.column}" for thing, one in zip(things, scene.shapes, strict=True)]
    seen = (scene.at(row, column) for row in ROWS for column in COLUMNS)
    quadrants = " , ".join(name_of(one) if one else "no shape" for one in seen)
    return (
        f"{quadrants} .",
        f"{' and '.join(placed)} .",
        f"there is {' and '.join(things)} .",
        f"a photo of {' and '.join(reversed(things))} .",
        f"{' , '.join(reversed(placed))} .",
    )


def name_of(one: SceneShape) -> str:
    """`red circle`."""
    return f"{one.color} {one.shape}"


@dataclass(frozen=True, kw_only=True)
class CaptionSample:
    """A scene with its captions: the file of its image, that file's folder, and its split as it is published."""

    number: int
    folder: str
    name: str
    part: str
    scene: Scene

    @property
    def path(self) -> str:
        """The image's path as a reader names it."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        shown = pictures({self.path: self.scene})
        return Record(id=self.path, pictures=shown, texts=(PROMPT,), references=captions_of(self.scene))

    def entry(self) -> dict[str, Any]:
        """The image's entry in the split file."""
        said = [
            {"raw": text, "tokens": text.split(), "imgid": self.number, "sentid": 5 * self.number + place}
            for place, text in enumerate(captions_of(self.scene))
        ]
        folder = {"filepath": self.folder, "cocoid": self.number} if self.folder else {}
        return {**folder, "filename": self.name, "imgid": self.number, "split": self.part, "sentences": said}


@dataclass(frozen=True, kw_only=True)
class CaptionTwin:
    """The twin of one data set. file: its split file. images: the folder of its images. filed: COCO's names of files,
    in folders that the split file names, with every second image of training as restval.
    """

    sister: str
    file: str
    images: str
    filed: bool = False

    @property
    def task(self) -> str:
        """The twin's own name."""
        return f"{self.sister}-twin"

    def draw(self, split: str, sizes: Sizes) -> Iterator[CaptionSample]:
        """Scenes without end. Raises UserError on an unknown split."""
        for number in itertools.count(1 + SPLITS.index(split), len(SPLITS)):
            rng = Random(f"{self.task} {sizes.seed} {number}")
            part = "restval" if self.filed and split == "train" and number % 2 else split
            folder = "train2014" if part == "train" else "val2014"
            yield CaptionSample(
                number=number,
                folder=folder if self.filed else "",
                name=f"COCO_{folder}_{number:012d}.jpg" if self.filed else f"{number:010d}.jpg",
                part=part,
                scene=scene_of(rng, distinct_things(rng, rng.randint(*THINGS))),
            )

    def make(self, sizes: Sizes) -> Task:
        """The task with so many records. Raises UserError on a size below 1."""
        task = twin_task(
            self.draw,
            sizes,
            name=self.task,
            title=f"{self.sister}'s twin",
            modality="vision-language",
            score="recall@1",
            chance=0.0,
            about="Which of five captions a picture are its own? Scenes of two or three shapes, generated.",
        )
        return replace(task, split_note="train, val and test are drawn apart.")

    def write_raw(self, folder: Path, sizes: Sizes) -> None:
        """The split file and the images."""
        samples = [one for split in SPLITS for one in first(self.draw, split, sizes)]
        folder.mkdir(parents=True, exist_ok=True)
        content = {"dataset": self.sister, "images": [one.entry() for one in samples]}
        (folder / self.file).write_text(json.dumps(content), encoding="utf-8")
        save_pictures(folder / self.images, _shown(samples))


def _shown(samples: Iterable[CaptionSample]) -> Iterator[dict[str, Scene]]:
    return ({one.path: one.scene} for one in samples)


_TWINS = (
    CaptionTwin(sister="flickr30k", file=FLICKR_FILE, images="flickr30k-images"),
    CaptionTwin(sister="coco-captions", file=COCO_FILE, images="images", filed=True),
)
CAPTION_TWINS: dict[str, CaptionTwin] = {twin.task: twin for twin in _TWINS}
