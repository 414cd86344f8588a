"""Captions as Karpathy's split files have them: a JSON object of images, each with its split and its sentences.

    {"images": [{"filename": "1000092795.jpg", "split": "train", "sentences": [{"raw": "Two men …"}, …]}, …]}

An image of COCO has the folder of its file too ("filepath": "val2014"), and may be of the split `restval`, which is
trained on (Karpathy & Fei-Fei, 2015, arXiv:1412.2306).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import UserError, unknown
from atlas.tasks.reading import files
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.records import unseen
from atlas.tasks.reading.splits import deal
from atlas.tasks.sample import SPLITS, Broken, Picture, Record

if TYPE_CHECKING:
    from pydantic import JsonValue

PARTS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class CaptionReader:
    """The reader of one split file. layout: it, and the folders of its images. roots: folders that images' paths are
    relative to, "" for the source itself. prompt: the text of every record, for models that write a caption.
    """

    task: str
    file: str
    layout: Layout
    roots: tuple[str, ...]
    prompt: str

    def read(self, split: str, source: Path | None) -> Iterator[Record | Broken]:
        """The images of a split with their captions, in the order of the file; one of an unknown split is broken in
        `train`. Raises UserError where a file is unusable, or has no image of the split.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        folder, seen, found = files.given(source), set[str](), Counter[str]()
        self.layout.check(self.task, folder)
        record = partial(self._record, roots=[folder / root for root in self.roots], seen=seen)
        lines = _counted(files.json_items(folder / self.file, "images"), found)
        none = True
        for one in deal(lines, key=part_of, record=record, mine=lambda name: PARTS.get(name, "train") == split):
            none = False
            yield one
        if none:
            there = ", ".join(f"{name!r} ({count:,})" for name, count in found.most_common()) or "none"
            raise UserError(
                f"{self.task}: {folder / self.file} has no image of the split {split!r}; its splits are {there}. "
                f'Give some of its images "split": "{split}".'
            )

    def sources(self, source: Path | None) -> Mapping[str, str]:
        """The digest of the split file."""
        return self.layout.digests(source)

    def _record(self, where: str, values: Mapping[str, Any], *, roots: Sequence[Path], seen: set[str]) -> Record:
        """An image with its captions. Raises Unreadable for a field, an image or a caption that is none."""
        picture = picture_of(values, roots)
        captions = captions_of(values)
        return Record(
            id=unseen(picture.name, seen), pictures=(picture,), texts=(self.prompt,), references=captions, where=where
        )


def part_of(values: Mapping[str, JsonValue]) -> str:
    """The split of an image, as it is published. Raises Unreadable for one that is not known."""
    part: str = files.field(values, "split")
    if part not in PARTS:
        raise Unreadable(str(unknown("split", part, PARTS)).rstrip("."))
    return part


def captions_of(values: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The different captions of an image, in one line each. Raises Unreadable where there is none, or one is blank."""
    said: list[Any] = files.field(values, "sentences", list)
    if not said:
        raise Unreadable("the list 'sentences' is empty, so that the image has no caption")
    captions = []
    for number, one in enumerate(said):
        if not isinstance(one, dict):
            raise Unreadable(f"sentence {number} is {one!r:.60}; give an object with the caption as 'raw'")
        captions.append(" ".join(files.field(one, "raw").split()))
        if not captions[-1]:
            raise Unreadable(f"sentence {number} is blank")
    return tuple(dict.fromkeys(captions))


def picture_of(values: Mapping[str, JsonValue], roots: Sequence[Path]) -> Picture:
    """The image's file under the first of the roots that has it. Raises Unreadable where none has."""
    name: str = files.field(values, "filename")
    folder: str = files.field(values, "filepath") if "filepath" in values else ""
    path = f"{folder}/{name}" if folder else name
    root = next((one for one in roots if os.path.isfile(one / path)), roots[0])
    return files.picture(root, path, folder=f"{folder}/" if folder else "")


def _counted(
    lines: Iterator[tuple[str, dict[str, JsonValue] | Broken]], found: Counter[str]
) -> Iterator[tuple[str, dict[str, JsonValue] | Broken]]:
    """The lines, with the splits that they name counted."""
    for where, line in lines:
        if isinstance(line, dict) and isinstance(line.get("split"), str):
            found[str(line["split"])] += 1
        yield where, line
