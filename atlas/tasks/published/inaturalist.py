"""iNaturalist 2019: which of 1,010 species of plants and animals is this? (FGVC6, visipedia/inat_comp)

The test labels are secret: the published validation images are `test`, and a twentieth of the training images is
`val`. An image finds its annotation by its id: the two lists of the JSON need not have the same order.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.tasks.reading.files import Unreadable, field, given, json_items, picture
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.splits import deal_published, published, rank
from atlas.tasks.sample import NO_TEXT, Broken, Record
from atlas.tasks.task import Task

VAL = 0.05  # of the training images
FILES = ("train2019.json", "val2019.json")
IMAGES = "train_val2019/"
ID = (int, str)
LAYOUT = Layout.of(
    *FILES,
    IMAGES,
    obtain="Get iNaturalist 2019 from https://github.com/visipedia/inat_comp/tree/master/2019.",
)
AnnotatedImage = tuple[str, str, int | str | None]  # an image's id, its file's name, its category's id


def species(source: Path) -> dict[int | str, str]:
    """The classes by id, in the order of the ids, as the training file has them. Of two with one name each gets its
    id to it.

    Raises UserError where one has no id or no name, or two have one id.
    """
    path = source / FILES[0]
    try:
        rows = [{} if isinstance(row, Broken) else row for _, row in json_items(path, "categories")]
        pairs = [(field(row, "id", ID), field(row, "name")) for row in rows]
    except Unreadable as error:
        raise UserError(f"{path}, categories: {error}") from error
    if len(dict(pairs)) < len(pairs):
        raise UserError(f"{path}: two categories have the same id; download it again.")
    counts = Counter(name for _, name in pairs)
    ordered = sorted(pairs, key=lambda pair: (isinstance(pair[0], str), pair[0]))
    return {number: name if counts[name] == 1 else f"{name} ({number})" for number, name in ordered}


def species_names(source: Path) -> tuple[str, ...]:
    """The names of the classes. Raises UserError."""
    return tuple(species(source).values())


def joined(path: Path) -> list[tuple[str, AnnotatedImage | Broken]]:
    """Every image with its annotation's category, in an order that mixes the classes and never changes.

    Raises UserError where the file is unusable.
    """
    found: dict[int | str, int | str | None] = {}
    lines: list[tuple[str, AnnotatedImage | Broken]] = []
    lines += annotated(path, found)
    lines += images(path, found)
    for image in found:
        where = f"{path.name}: image {image}"
        lines.append((where, Broken(where=where, reason="it has an annotation, but is not among the images")))
    return sorted(lines, key=lambda line: (rank("inaturalist order", line[0]), line[0]))


def annotated(path: Path, found: dict[int | str, int | str | None]) -> Iterator[tuple[str, Broken]]:
    """Put each image's category into `found`, None where several are named; gives the annotations that name none."""
    for where, row in json_items(path, "annotations"):
        if isinstance(row, Broken):
            yield where, row
            continue
        try:
            image, category = field(row, "image_id", ID), field(row, "category_id", ID)
        except Unreadable as error:
            yield where, Broken(where=where, reason=str(error))
            continue
        found[image] = category if found.get(image, category) == category else None


def images(path: Path, found: dict[int | str, int | str | None]) -> Iterator[tuple[str, AnnotatedImage | Broken]]:
    """Every image with its category, which is taken out of `found`."""
    seen: set[int | str] = set()
    for where, row in json_items(path, "images"):
        if isinstance(row, Broken):
            yield where, row
            continue
        try:
            image = field(row, "id", ID)
            where = f"{path.name}: image {image}"
            if image in seen:
                raise Unreadable("another image has the same id")
            seen.add(image)
            if image not in found:
                raise Unreadable("it has no annotation")
            category = found.pop(image)
            yield where, (str(image), field(row, "file_name"), category)
        except Unreadable as error:
            yield where, Broken(where=where, reason=str(error))


def record_of(where: str, line: AnnotatedImage, *, source: Path, labels: Mapping[int | str, int]) -> Record:
    """One image with its class. Raises Unreadable for a category that is none, and as `picture` does."""
    image, name, category = line
    if category is None:
        raise Unreadable("its annotations name different categories")
    if category not in labels:
        raise Unreadable(f"the category {category!r} is not among the {len(labels):,} of {FILES[0]}")
    return Record(id=image, pictures=(picture(source, name, folder=IMAGES),), texts=(NO_TEXT,), label=labels[category])


def read_species(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The images of a split. Raises UserError where a file is missing or unusable."""
    folder = given(source)
    LAYOUT.check("inaturalist", folder)
    path = folder / published(split, *FILES)
    labels = {number: label for label, number in enumerate(species(folder))}
    make = functools.partial(record_of, source=folder, labels=labels)
    yield from deal_published(split, "inaturalist", joined(path), val=VAL, key=lambda line: line[0], record=make)


INATURALIST = Task(
    name="inaturalist",
    title="iNaturalist 2019",
    modality="vision",
    chance=100 / 1010,
    licence="the photographers' own, for non-commercial research and education (iNaturalist 2019, FGVC6)",
    about="Which species is this? 268,243 photos of 1,010 plants and animals, 3,030 of them for reporting.",
    version=1,
    read=read_species,
    sources=LAYOUT.digests,
    layout=LAYOUT,
    answers_of=species_names,
    published=(("train+val", 265_213), ("test", 3_030)),
    split_note="val is a seeded 5 % of the training images; test is the public validation set.",
)
