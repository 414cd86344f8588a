"""The common parts of the twins of data sets of pictures: a class is a texture, a colour, a shape, or several of them.

Each twin has a look of its own, so that they differ as domains do; what its classes leave open is drawn at random.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from atlas.tasks.offline.scenes import Scene, sample_single
from atlas.tasks.offline.words import COLORS, SHAPES, TEXTURES
from atlas.tasks.reading.image_classes import VAL, ImageClasses
from atlas.tasks.sample import NO_TEXT, SPLITS, Picture, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_FROM, HoldOutRule, deck, numbers
from atlas.tasks.twins.pictures import encode, open_scene
from atlas.tasks.twins.twin import Sizes, first, twin_task

if TYPE_CHECKING:
    from PIL import Image

SIZES = Sizes(train=480, val=120, test=240)
STARTS = {"train": 1, "val": TEST_FROM // 2, "test": TEST_FROM}  # of a class's numbers, where all splits are published
TEMPLATES = ("a photo of a {} .", "there is a {} .", "a {} .")  # those of the captions that `clip-tiny` learnt from
ImageClass = tuple[str, str, str]  # texture, colour and shape; "" for what the class leaves open


def name_of(one: ImageClass) -> str:
    """The class in words: `dotted red star`, `red star`, `dotted shape`."""
    texture, color, shape = one
    return " ".join(part for part in (texture, color, shape or "shape") if part)


class Style(Protocol):
    """The classes of a twin, and how a picture of one is drawn."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in words, in the order of the labels."""
        ...

    def draw(self, seed: str, label: int) -> Scene:
        """A picture of the class of that number."""
        ...


@dataclass(frozen=True, kw_only=True)
class Look:
    """The classes of a twin, by their names in alphabetical order, and the style of its pictures (`sample_single`)."""

    classes: Mapping[str, ImageClass]
    grounds: tuple[str, ...] = ("plain",)
    light: float = 0.9
    radius: tuple[int, int] = (13, 24)

    @classmethod
    def of(
        cls,
        textures: tuple[str, ...],
        colors: tuple[str, ...],
        shapes: tuple[str, ...],
        *,
        grounds: tuple[str, ...] = ("plain",),
        light: float = 0.9,
        radius: tuple[int, int] = (13, 24),
    ) -> Look:
        """A class for each combination."""
        every = sorted(itertools.product(textures, colors, shapes), key=name_of)
        return cls(classes={name_of(one): one for one in every}, grounds=grounds, light=light, radius=radius)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in words."""
        return tuple(self.classes)

    def draw(self, seed: str, label: int) -> Scene:
        """A picture of the class of that number."""
        texture, color, shape = tuple(self.classes.values())[label]
        return sample_single(
            seed,
            kinds=(shape,) if shape else SHAPES,
            colors=(color,) if color else COLORS,
            textures=(texture,) if texture else TEXTURES,
            grounds=self.grounds,
            light=self.light,
            radius=self.radius,
        )


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place of a picture: split, class in words, number within the class, number within the split, from 0."""

    split: str
    label: str
    number: int
    index: int
    sizes: Sizes

    @property
    def part(self) -> str:
        """The published part that it is in, where `val` is held out of the training pictures."""
        return "test" if self.split == "test" else "train"

    @property
    def position(self) -> int:
        """Its position in that part, which begins with what is held out."""
        return self.index + (self.sizes.val if self.split == "train" else 0)


@dataclass(frozen=True, kw_only=True)
class ImageSample:
    """A picture with its name, its class's number and its place."""

    name: str
    scene: Scene
    label: int
    place: Place
    show: Callable[[Scene, str], Image.Image] = open_scene

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        picture = Picture(name=self.name, open=functools.partial(self.show, self.scene, Path(self.name).suffix))
        return Record(id=self.name, pictures=(picture,), texts=(NO_TEXT,), label=self.label)

    def save(self, folder: Path) -> None:
        """Write the picture under the folder."""
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(self.scene, path.suffix))


Samples = Mapping[str, tuple[ImageSample, ...]]  # by split


@dataclass(frozen=True, kw_only=True)
class ImageTwin:
    """The twin of a data set of pictures.

    name: a picture's name in the data set. write: (folder, the samples, the classes in words) -> None writes the lists
    as they are published, and the pictures where these are no files. show: (scene, suffix) -> the picture.
    key: (scene) -> its name when it is dealt to a split, where that is another. files: whether pictures are files.
    """

    dataset: ImageClasses
    title: str
    look: Style
    name: Callable[[Place], str]
    write: Callable[[Path, Samples, tuple[str, ...]], None]
    show: Callable[[Scene, str], Image.Image] = open_scene
    key: Callable[[Scene], str] | None = None
    files: bool = True

    @property
    def task(self) -> str:
        """The twin's own name."""
        return f"{self.dataset.task}-twin"

    def draw(self, split: str, sizes: Sizes) -> Iterator[ImageSample]:
        """Pictures of a split without end, the classes in turn. Raises UserError on an unknown split."""
        streams = [self._numbers(split, label, sizes) for label in range(len(self.look.names))]
        for index, label in enumerate(deck(f"{self.task} {sizes.seed} {split}", len(streams))):
            place = self._place(split, label, next(streams[label]), index, sizes)
            yield ImageSample(
                name=self.name(place), scene=self._scene(place, label), label=label, place=place, show=self.show
            )

    def make(self, sizes: Sizes) -> Task:
        """The task with so many records. Raises UserError on a size below 1."""
        return twin_task(
            self.draw,
            sizes,
            name=self.task,
            title=self.title,
            modality="vision",
            answers=self.look.names,
            chance=100 / len(self.look.names),
            about=f"Which of {len(self.look.names)} things is this? {', '.join(self.look.names)[:60]}, … Generated.",
            templates=TEMPLATES,
        )

    def write_raw(self, folder: Path, sizes: Sizes) -> None:
        """Write the records as the sister is published."""
        samples = {split: tuple(first(self.draw, split, sizes)) for split in SPLITS}
        folder.mkdir(parents=True, exist_ok=True)
        for sample in itertools.chain.from_iterable(samples.values() if self.files else ()):
            sample.save(folder)
        self.write(folder, samples, self.look.names)

    def _place(self, split: str, label: int, number: int, index: int, sizes: Sizes) -> Place:
        return Place(split=split, label=self.look.names[label], number=number, index=index, sizes=sizes)

    def _scene(self, place: Place, label: int) -> Scene:
        return self.look.draw(f"{self.task} {place.sizes.seed} {label} {place.number}", label)

    def _numbers(self, split: str, label: int, sizes: Sizes) -> Iterator[int]:
        """The numbers of a class that are of the split, by the sister's rule."""
        if self.dataset.rule != "val held out" and split in SPLITS:
            return itertools.count(STARTS[split])
        key = functools.partial(self._key, label=label, sizes=sizes)
        return numbers(split, HoldOutRule(sister=self.dataset.task, share=VAL, key=key))

    def _key(self, number: int, *, label: int, sizes: Sizes) -> str:
        place = self._place("train", label, number, 0, sizes)
        return self.name(place) if self.key is None else self.key(self._scene(place, label))


def by_part(samples: Samples) -> Mapping[str, tuple[ImageSample, ...]]:
    """The samples of the published parts, in the order of their positions: `train` begins with `val`."""
    return {"train": (*samples["val"], *samples["train"]), "test": samples["test"]}
