"""SNLI-VE: does an image entail a sentence? (Xie et al., 2019, arXiv:1901.06706)

The authors' releases are JSON lines, in which the image's id is spelled `Flickr30K_ID` (bare) or `Flikr30kID` (with
`.jpg`); the corrected release e-SNLI-VE (Kayser et al., 2021, arXiv:2105.03761) is CSV and has `Flickr30kID`. All
labels are public: dev is `val`, and no image is in two of the authors' splits. A pair on which SNLI's annotators found
no majority has the label "-" and is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.errors import unknown
from atlas.tasks.offline.easy_ve import ANSWERS
from atlas.tasks.reading.files import csv_lines, digest, field, given, json_lines, picture
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.records import class_of, made, text_of, unseen
from atlas.tasks.sample import Broken, Record, Skipped
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

PARTS = {"train": "train", "val": "dev", "test": "test"}
IMAGE = ("Flickr30K_ID", "Flikr30kID", "Flickr30kID")
SENTENCE = ("sentence2", "hypothesis")
UNDECIDED = "-"
IMAGES = "flickr30k_images/"
LAYOUT = Layout(
    needs=(
        *(Needed(paths=(f"snli_ve_{part}.jsonl", f"esnlive_{part}.csv")) for part in PARTS.values()),
        Needed(paths=(f"{IMAGES}flickr30k_images/", IMAGES, "flickr30k-images/")),
    ),
    obtain="Get SNLI-VE from https://github.com/necla-ml/SNLI-VE and the Flickr30k images from "
    "https://shannon.cs.illinois.edu/DenotationGraph/.",
)


def record_of(where: str, values: Mapping[str, JsonValue], *, images: Path, seen: set[str]) -> Record | Skipped:
    """One sentence with its image. Raises Unreadable for a field, a label or an image that is none."""
    label = field(values, "gold_label")
    if label == UNDECIDED:
        return Skipped(where=where, reason="its annotators did not agree (label '-')")
    image = str(field(values, IMAGE, (str, int)))
    return Record(
        id=unseen(field(values, "pairID"), seen),
        pictures=(picture(images, image if image.endswith(".jpg") else f"{image}.jpg"),),
        texts=(text_of(values, SENTENCE),),
        label=class_of(label, ANSWERS),
    )


def read_sentences(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The pairs of a split, in the order of their file. Raises UserError where a file is missing or unusable."""
    if split not in PARTS:
        raise unknown("split", split, PARTS)
    folder = given(source)
    LAYOUT.check("snli-ve", folder)
    file, images = (LAYOUT.path(folder, path) for path in (f"snli_ve_{PARTS[split]}.jsonl", IMAGES))
    lines = csv_lines(file) if file.suffix == ".csv" else json_lines(file)
    yield from made(lines, functools.partial(record_of, images=images, seen=set()))


def sentence_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of the three files of pairs."""
    files = [LAYOUT.path(given(source), f"snli_ve_{part}.jsonl") for part in PARTS.values()]
    return {file.name: digest(file) for file in files}


SNLI_VE = Task(
    name="snli-ve",
    title="SNLI-VE",
    modality="vision-language",
    answers=ANSWERS,
    chance=100 / 3,
    licence="SNLI-VE: BSD-3-Clause code, SNLI's sentences CC BY-SA 4.0; Flickr30k images: research, Flickr's terms",
    about="Does a photo entail a sentence, contradict it or neither? 529,527 training pairs over 29,783 images.",
    version=1,
    read=read_sentences,
    sources=sentence_sources,
    layout=LAYOUT,
    published=(("train", 529_527), ("val", 17_858), ("test", 17_901)),
    split_note="The authors' own: dev is val, test is test.",
)
