"""Places365: which of 365 scenes is this? (Zhou et al., 2017, doi:10.1109/TPAMI.2017.2723009)

The test labels are secret: the published validation images are `test`, and a twentieth of the training images is
`val`. The class always comes from `categories_places365.txt`: through the official lists of files where the images
lie as the official archives have them, else through the folder of the image, as in the small release by folders.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.tasks.reading.files import Unreadable, digest, given, picture, text_lines
from atlas.tasks.reading.folders import is_hidden, refuse, refuse_links
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.splits import deal_published, published, rank
from atlas.tasks.sample import NO_TEXT, Broken, Record
from atlas.tasks.task import Task

VAL = 0.05  # of the training images
CATEGORIES = "categories_places365.txt"
LISTS = {"train": "places365_train_standard.txt", "val": "places365_val.txt"}
OFFICIAL = {
    "train": ("data_256/", "data_256_standard/", "data_large/", "data_large_standard/"),
    "val": ("val_256/", "val_large/"),
}
BY_FOLDER = {part: (f"{part}/", f"places365_standard/{part}/") for part in OFFICIAL}
IMAGES = (".jpg", ".jpeg", ".png")
LAYOUT = Layout(
    needs=(
        Needed(paths=(CATEGORIES,)),
        *(Needed(paths=OFFICIAL[part] + BY_FOLDER[part]) for part in OFFICIAL),
    ),
    obtain="Get Places365-Standard and its list of categories from https://github.com/CSAILVision/places365.",
)
ImageLine = tuple[str, str]  # an image's name, and its class as its list or its folder writes it


@dataclass(frozen=True, kw_only=True)
class ImagePart:
    """The images of a published part: their folder, and the list that names their classes, if there is one."""

    source: Path
    folder: str
    list_file: str | None

    def entries(self) -> Iterator[str]:
        """One string an image, since there are 1.8 million: its place in the list and its line, or its name."""
        if self.list_file is None:
            yield from self.names()
        else:
            for where, text in text_lines(self.source / self.list_file):
                yield f"{where}\t{text}"

    def names(self) -> Iterator[str]:
        """The images of the folders, sorted by name, without hidden ones.

        Raises UserError for a folder in it that is a link or unreadable.
        """
        for parent, folders, names in os.walk(self.source / self.folder, onerror=refuse):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            refuse_links(parent, folders)
            prefix = Path(parent).relative_to(self.source).as_posix()
            for name in sorted(names):
                if name.lower().endswith(IMAGES) and not is_hidden(name):
                    yield os.fsencode(f"{prefix}/{name}").decode(errors="replace")

    def line(self, entry: str) -> tuple[str, ImageLine | Broken]:
        """The place of an image, its name, and its class as in `/a/airfield/00000001.jpg 0` or by its folder."""
        if self.list_file is None:
            return entry, (entry, entry.removeprefix(self.folder).rpartition("/")[0])
        where, _, text = entry.partition("\t")
        name, space, written = text.rpartition(" ")
        if not space:
            return where, Broken(where=where, reason=f"{text!r:.80} should be a file's name, a space and a class")
        return where, (f"{self.folder}{name.strip().removeprefix('/')}", written)


def part_of(source: Path, name: str) -> ImagePart:
    """The part `train` or `val` of the release at hand.

    Raises UserError where only a list could tell the classes.
    """
    official = Needed(paths=OFFICIAL[name]).found(source)
    found = official or Needed(paths=BY_FOLDER[name]).found(source) or source / BY_FOLDER[name][0]
    folder = f"{found.relative_to(source).as_posix()}/"
    listed = official is not None and (source / LISTS[name]).is_file()
    if official and not listed and name == "val":
        raise UserError(
            f"{official} has no folders that name the classes: put {LISTS[name]} beside it. {LAYOUT.obtain}"
        )
    return ImagePart(source=source, folder=folder, list_file=LISTS[name] if listed else None)


def categories(source: Path) -> tuple[str, ...]:
    """The paths of the classes, `a/airfield`, in the order of their numbers.

    Raises UserError where a line is not `/a/airfield 0`, or the numbers are not 0, 1, 2, … each once.
    """
    found: list[tuple[int, str]] = []
    for where, text in text_lines(source / CATEGORIES):
        name, _, number = text.rpartition(" ")
        if not name.startswith("/") or not number.isdecimal():
            raise UserError(f"{where}: {text!r:.80} should be a category's path and its number, as in /a/airfield 0.")
        found.append((int(number), name.strip("/ ")))
    numbers, names = zip(*sorted(found), strict=True)
    if numbers != tuple(range(len(numbers))) or len(set(names)) < len(names):
        raise UserError(f"{source / CATEGORIES}: categories or numbers are missing or doubled; download it again.")
    return names


def scenes(source: Path) -> tuple[str, ...]:
    """The names of the classes: their paths without the letter. Raises UserError."""
    return tuple(path.partition("/")[2] or path for path in categories(source))


def spellings(source: Path) -> dict[str, int]:
    """All spellings of a class in lists and folders, and its label: number, path, path without the letter, and
    that with a dash, as in `8`, `a/apartment_building/outdoor`, `apartment_building-outdoor`.
    """
    found: dict[str, int] = {}
    for label, (path, scene) in enumerate(zip(categories(source), scenes(source), strict=True)):
        found |= dict.fromkeys((str(label), path, scene, scene.replace("/", "-")), label)
    return found


def record_of(where: str, line: ImageLine, *, source: Path, folder: str, labels: Mapping[str, int]) -> Record:
    """One image with its class. Raises Unreadable for a class that is none, and as `picture` does."""
    name, written = line
    if written not in labels:
        raise Unreadable(f"the class {written!r:.80} is none of {CATEGORIES}")
    return Record(id=name, pictures=(picture(source, name, folder=folder),), texts=(NO_TEXT,), label=labels[written])


def read_scenes(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The images of a split, classes mixed. Raises UserError where a file is missing or unusable."""
    folder = given(source)
    LAYOUT.check("places365", folder)
    part = part_of(folder, published(split, "train", "val"))
    make = functools.partial(record_of, source=folder, folder=part.folder, labels=spellings(folder))
    entries = sorted(part.entries(), key=functools.partial(rank, "places365 order"))
    yield from deal_published(
        split, "places365", map(part.line, entries), val=VAL, key=lambda line: line[0], record=make
    )


def scene_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of the files that name the classes; for images in folders, of their names."""
    source = given(source)
    parts = [part_of(source, name) for name in ("train", "val")]
    listed = {name: digest(source / name) for name in (CATEGORIES, *(p.list_file for p in parts if p.list_file))}
    return listed | {part.folder: names_digest(part) for part in parts if part.list_file is None}


def names_digest(part: ImagePart) -> str:
    """sha256 of the sorted names of a part's images, one a line."""
    found = hashlib.sha256()
    for name in part.names():
        found.update(f"{name}\n".encode())
    return found.hexdigest()


PLACES365 = Task(
    name="places365",
    title="Places365",
    modality="vision",
    chance=100 / 365,
    licence="for non-commercial research and education; the images are their owners' (Places365, Zhou et al., 2017)",
    about="Which scene is this? 1,803,460 training photos of 365 kinds of places, 36,500 for reporting.",
    version=1,
    read=read_scenes,
    sources=scene_sources,
    role="downstream",
    layout=LAYOUT,
    answers_of=scenes,
    published=(("train+val", 1_803_460), ("test", 36_500)),
    split_note="val is a seeded 5 % of the training images; test is the public validation set.",
)
