"""iNaturalist 2019: which of 1,010 species of plants and animals is this? (FGVC6, visipedia/inat_comp)

The test labels are secret: the published validation images are `test`, and a twentieth of the training images is
`val`. An image finds its annotation by its id: the two lists of the JSON need not have the same order.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas.errors import AtlasError
from atlas.tasks.files import Unreadable, digest, field, given, json_file, picture
from atlas.tasks.layout import Layout, Needed
from atlas.tasks.splits import belongs, deal, published, rank
from atlas.tasks.task import NO_TEXT, Broken, Record, Task

VAL = 0.05  # of the training images
FILES = ("train2019.json", "val2019.json")
ID = (int, str)
LAYOUT = Layout(
    needs=(*(Needed(paths=(name,)) for name in FILES), Needed(paths=("train_val2019/",))),
    obtain="Get iNaturalist 2019 from https://github.com/visipedia/inat_comp/tree/master/2019.",
)
Line = tuple[str, str, int | str | None]  # an image's id, its file's name, its category's id


def table(path: Path, document: Any, name: str) -> list[dict[str, Any]]:
    """One of the JSON's lists of objects. Raises AtlasError where it is none, or empty."""
    try:
        rows = field(document if isinstance(document, dict) else {}, name, list)
    except Unreadable as error:
        raise AtlasError(f"{path}: {error}") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise AtlasError(f"{path}: the list {name!r} should hold objects; download it again.")
    return rows


def categories(path: Path, document: Any) -> dict[int | str, str]:
    """The classes by id, in the order of the ids. Of two that have one name each gets its id to it.

    Raises AtlasError where one has no id or no name, or two have one id.
    """
    try:
        pairs = [(field(row, "id", ID), field(row, "name")) for row in table(path, document, "categories")]
    except Unreadable as error:
        raise AtlasError(f"{path}, categories: {error}") from error
    if len(dict(pairs)) < len(pairs):
        raise AtlasError(f"{path}: two categories have the same id; download it again.")
    counts = Counter(name for _, name in pairs)
    ordered = sorted(pairs, key=lambda pair: (isinstance(pair[0], str), pair[0]))
    return {number: name if counts[name] == 1 else f"{name} ({number})" for number, name in ordered}


def species(source: Path) -> dict[int | str, str]:
    """The classes by id, as the training file has them. Raises AtlasError."""
    path = source / FILES[0]
    return categories(path, json_file(path))


def species_names(source: Path) -> tuple[str, ...]:
    """The names of the classes. Raises AtlasError."""
    return tuple(species(source).values())


def joined(path: Path) -> list[tuple[str, Line | Broken]]:
    """Every image with its annotation's category, in an order that mixes the classes and never changes.

    A list, so that the parsed JSON, which is many times larger, is let go of. Raises AtlasError.
    """
    document = json_file(path)
    found: dict[int | str, int | str | None] = {}
    lines: list[tuple[str, Line | Broken]] = []
    lines += annotated(path, table(path, document, "annotations"), found)
    lines += images(path, table(path, document, "images"), found)
    for image in found:
        where = f"{path.name}: image {image}"
        lines.append((where, Broken(where=where, reason="it has an annotation, but is not among the images")))
    return sorted(lines, key=lambda line: (rank("inaturalist order", line[0]), line[0]))


def annotated(
    path: Path, rows: Iterable[Mapping[str, Any]], found: dict[int | str, int | str | None]
) -> Iterator[tuple[str, Broken]]:
    """Put each image's category into `found`, None where several are named; gives the annotations that name none."""
    for number, row in enumerate(rows):
        try:
            image, category = field(row, "image_id", ID), field(row, "category_id", ID)
        except Unreadable as error:
            where = f"{path.name}: annotation {row.get('id', f'number {number}')}"
            yield where, Broken(where=where, reason=str(error))
            continue
        found[image] = category if found.get(image, category) == category else None


def images(
    path: Path, rows: Iterable[Mapping[str, Any]], found: dict[int | str, int | str | None]
) -> Iterator[tuple[str, Line | Broken]]:
    """Every image with its category, which is taken out of `found`."""
    seen: set[int | str] = set()
    for number, row in enumerate(rows):
        where = f"{path.name}: image {row.get('id', f'number {number}')}"
        try:
            image, name = field(row, "id", ID), field(row, "file_name")
            if image in seen:
                raise Unreadable("another image has the same id")
            seen.add(image)
            if image not in found:
                raise Unreadable("it has no annotation")
            yield where, (str(image), name, found.pop(image))
        except Unreadable as error:
            yield where, Broken(where=where, reason=str(error))


def record_of(where: str, line: Line, *, source: Path, labels: Mapping[int | str, int]) -> Record:
    """One image with its class. Raises Unreadable for a category that is none, and as `picture` does."""
    image, name, category = line
    if category is None:
        raise Unreadable("its annotations name different categories")
    if category not in labels:
        raise Unreadable(f"the category {category!r} is not among the {len(labels):,} of {FILES[0]}")
    return Record(id=image, pictures=(picture(source, name),), texts=(NO_TEXT,), label=labels[category])


def read_species(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The images of a split. Raises AtlasError where a file is unusable."""
    source = given(source)
    path = source / published(split, *FILES)
    labels = {number: label for label, number in enumerate(species(source))}
    make = functools.partial(record_of, source=source, labels=labels)
    mine = functools.partial(belongs, split, "inaturalist", share=VAL)
    yield from deal(joined(path), key=lambda line: line[0], record=make, mine=mine)


def species_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of both files."""
    return {name: digest(given(source) / name) for name in FILES}


INATURALIST = Task(
    name="inaturalist",
    title="iNaturalist 2019",
    modality="vision",
    chance=100 / 1010,
    licence="the photographers' own, for non-commercial research and education (iNaturalist 2019, FGVC6)",
    about="Which species is this? 268,243 photos of 1,010 plants and animals, 3,030 of them for reporting.",
    version=1,
    read=read_species,
    sources=species_sources,
    layout=LAYOUT,
    answers_of=species_names,
)
