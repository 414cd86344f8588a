"""NLVR2: is a sentence true of a pair of photos? (Suhr et al., 2019, arXiv:1811.00491)

All labels used here are public: dev is `val`, the public test set (test1) is `test`. A pair's two images are called by
its identifier without the last part, the sentence's number. The training images lie in one folder, or in numbered ones
that the field `directory` names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import unknown
from atlas.tasks.reading.files import Unreadable, digest, field, given, inside, json_lines, picture
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.records import class_of, made, text_of, unseen
from atlas.tasks.sample import Broken, Picture, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

PARTS = {"train": "train", "val": "dev", "test": "test1"}
ANSWERS = ("False", "True")
LAYOUT = Layout(
    needs=(
        *(Needed(paths=(f"{part}.json", f"data/{part}.json")) for part in PARTS.values()),
        *(Needed(paths=(f"{part}/", f"images/{part}/")) for part in PARTS.values()),
    ),
    obtain="Get the sentences from https://github.com/lil-lab/nlvr/tree/master/nlvr2 and ask for the images there.",
)


def photo(values: Mapping[str, JsonValue], file: str, images: Path) -> Picture:
    """One image, from the numbered folder if there is one. Raises Unreadable where it is not there."""
    number = str(field(values, "directory", (int, str))) if "directory" in values else ""
    return picture(images, f"{number}/{file}" if number and inside(images, number).is_dir() else file)


def record_of(where: str, values: Mapping[str, JsonValue], *, images: Path, seen: set[str]) -> Record:
    """One sentence with its two images. Raises Unreadable for a field, a label or an image that is none."""
    name = field(values, "identifier")
    stem = name.rpartition("-")[0]
    if not stem:
        raise Unreadable(f"the identifier {name!r} has no parts; it should be split-set-pair-sentence")
    return Record(
        id=unseen(name, seen),
        pictures=tuple(photo(values, f"{stem}-img{side}.png", images) for side in (0, 1)),
        texts=(text_of(values, "sentence"),),
        label=class_of(str(field(values, "label", (str, bool))), ANSWERS),
    )


def read_pairs(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The sentences of a split, in the order of their file. Raises UserError where a file is missing or unusable."""
    if split not in PARTS:
        raise unknown("split", split, PARTS)
    folder, part = given(source), PARTS[split]
    LAYOUT.check("nlvr2", folder)
    lines = json_lines(LAYOUT.path(folder, f"{part}.json"))
    yield from made(lines, functools.partial(record_of, images=LAYOUT.path(folder, f"{part}/"), seen=set()))


def pair_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of the three files of sentences."""
    return {f"{part}.json": digest(LAYOUT.path(given(source), f"{part}.json")) for part in PARTS.values()}


NLVR2 = Task(
    name="nlvr2",
    title="NLVR2",
    modality="vision-language",
    answers=ANSWERS,
    images=2,
    chance=50.0,
    licence="Sentences CC BY 4.0 (Cornell NLVR2); the images belong to their owners and are given for research only",
    about="Is a sentence true of two photos? 86,373 training sentences, 6,982 for selection, 6,967 for reporting.",
    version=1,
    read=read_pairs,
    sources=pair_sources,
    role="downstream",
    layout=LAYOUT,
    published=(("train", 86_373), ("val", 6_982), ("test", 6_967)),
    split_note="The authors' own: dev is val, the public test set (test1) is test.",
)
