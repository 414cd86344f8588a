"""Tasks that ask for the class of a picture: published lists, folders or CoOp's split of a data set, as records."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from atlas.runtime.errors import UserError, unknown
from atlas.tasks.reading.coop import CoopSplit
from atlas.tasks.reading.files import Unreadable, digest, given, picture
from atlas.tasks.reading.folders import files_under
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.splits import belongs, deal, published, rank, split_of
from atlas.tasks.sample import NO_TEXT, SPLITS, Broken, Picture, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from PIL import Image

VAL = 0.1  # of the training pictures, where a data set publishes no `val`
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif")
SplitRule = Literal["published", "val held out", "seeded"]
NOTES: Mapping[SplitRule, str] = {
    "published": "train, val and test are as published",
    "val held out": f"val is a seeded {VAL:.0%} of the training pictures, test as published",
    "seeded": "none is published: val and test are a seeded 10 % and 20 % of the pictures",
}


@dataclass(frozen=True, kw_only=True)
class LabelledPicture:
    """A picture of a published list, and its class as it is written there.

    name: unique in the data set; the path under the source unless `open` gives the picture. key: the name by which it
    is dealt to a split, where that is another one.
    """

    name: str
    label: str
    open: Callable[[], Image.Image] | None = None
    key: str = ""


Lines = Iterable[tuple[str, LabelledPicture | Broken]]  # with their places, `file:line`


@dataclass(frozen=True, kw_only=True)
class ImageClasses:
    """A published data set of pictures, each of one class.

    rule: the splits that it publishes. lines: (source, part) -> the pictures of a part, which is a split; where `val`
    is held out, `train` or `test`; where all splits are seeded, `all`. classes: source -> the classes as the lists
    write them, with their names in words, in the order of the labels. folders: those that pictures' names begin with
    and that may be links. coop: the split of CoOp, which decides where its file lies in the source.
    """

    task: str
    layout: Layout
    rule: SplitRule
    lines: Callable[[Path, str], Lines]
    classes: Callable[[Path], Mapping[str, str]]
    folders: tuple[str, ...] = ()
    coop: CoopSplit | None = None

    def names(self, source: Path) -> tuple[str, ...]:
        """The classes in words, in the order of the labels. Raises UserError where there is none, or one twice."""
        names = tuple(self._classes(source).values())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"{self.task}: two classes under {source} have the name {twice[0]!r}; download it again.")
        if not names:
            raise UserError(f"{self.task}: no class is found under {source}. {self.layout.obtain}")
        return names

    def read(self, split: str, source: Path | None) -> Iterator[Record | Broken]:
        """The pictures of a split, classes mixed, in an order that never changes.

        Raises UserError for an unknown split, and where a file is missing or unusable.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        folder = given(source)
        self.layout.check(self.task, folder)
        labels = {written: label for label, written in enumerate(self._classes(folder))}
        lines, mine = self._dealt(split, folder)
        yield from deal(
            sorted(lines, key=self._place),
            key=lambda one: one.key or one.name,
            record=functools.partial(self._record, source=folder, labels=labels),
            mine=mine,
        )

    def sources(self, source: Path | None) -> Mapping[str, str]:
        """The digests of the files that name pictures and classes; those of the folders are the layout's."""
        folder = given(source)
        found = dict(self.layout.digests(folder))
        split = self._coop(folder)
        return found if split is None else found | {split.file: digest(folder / split.file)}

    def note(self) -> str:
        """The origin of each split, for the data card."""
        coop = f"; {self.coop.file}, where it lies in the source, decides all three" if self.coop else ""
        return f"{NOTES[self.rule]}{coop}."

    def _coop(self, source: Path) -> CoopSplit | None:
        return self.coop if self.coop is not None and (source / self.coop.file).is_file() else None

    def _classes(self, source: Path) -> Mapping[str, str]:
        split = self._coop(source)
        return self.classes(source) if split is None else {name: name for name in split.classes(source)}

    def _dealt(self, split: str, source: Path) -> tuple[Lines, Callable[[str], bool]]:
        """The lines among which the pictures of a split are, and whether one of a key is of it."""
        if (coop := self._coop(source)) is not None:
            return ((where, _labelled(one)) for where, one in coop.lines(source, split)), lambda key: True
        if self.rule == "published":
            return self.lines(source, split), lambda key: True
        if self.rule == "val held out":
            part = published(split, "train", "test")
            return self.lines(source, part), functools.partial(belongs, split, self.task, share=VAL)
        return self.lines(source, "all"), lambda key: split_of(self.task, key) == split

    def _place(self, line: tuple[str, LabelledPicture | Broken]) -> float:
        where, one = line
        return rank(f"{self.task} order", where if isinstance(one, Broken) else one.name)

    def _record(self, where: str, one: LabelledPicture, *, source: Path, labels: Mapping[str, int]) -> Record:
        """One picture with its class. Raises Unreadable for a class that is none, and as `picture` does."""
        if one.label not in labels:
            raise Unreadable(f"the class {one.label!r:.80} is none of the {len(labels):,} of {self.task}")
        if one.open is None:
            folder = next((folder for folder in self.folders if one.name.startswith(folder)), "")
            shown = picture(source, one.name, folder=folder)
        else:
            shown = Picture(name=one.name, open=one.open)
        return Record(id=one.name, pictures=(shown,), texts=(NO_TEXT,), label=labels[one.label])


def _labelled(one: tuple[str, str] | Broken) -> LabelledPicture | Broken:
    return one if isinstance(one, Broken) else LabelledPicture(name=one[0], label=one[1])


def pictures_in(source: Path, folder: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The pictures below a folder of the source; the class is the path of the folder that a picture lies in.

    Raises UserError where a folder cannot be read, or one in it is a link.
    """
    for name, _ in files_under(source / folder, links=False):
        label, _, file = name.rpartition("/")
        if label and file.lower().endswith(SUFFIXES):
            path = f"{folder}{name}"
            yield path, LabelledPicture(name=path, label=label)


def folders_of(source: Path, folder: str) -> tuple[str, ...]:
    """The classes of `pictures_in`, in alphabetical order."""
    return tuple(sorted({one.label for _, one in pictures_in(source, folder)}))


def image_task(
    dataset: ImageClasses,
    *,
    title: str,
    classes: int,
    licence: str,
    about: str,
    templates: tuple[str, ...],
    published: tuple[tuple[str, int], ...] = (),
) -> Task:
    """The task of such a data set. classes: their published number, of which its chance is taken without a source."""
    return Task(
        name=dataset.task,
        title=title,
        modality="vision",
        chance=100 / classes,
        licence=licence,
        about=about,
        version=1,
        read=dataset.read,
        sources=dataset.sources,
        layout=dataset.layout,
        answers_of=dataset.names,
        published=published,
        templates=templates,
        split_note=dataset.note(),
    )
