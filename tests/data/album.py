"""A task in the form of a published one: lines of JSON and a folder of images, and tools that spoil them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from atlas.backbones.processor import Processor
from atlas.data.prepare import Prepared, PrepareOptions, prepare
from atlas.runtime.errors import unknown
from atlas.tasks.reading.files import Unreadable, digest, field, json_lines, picture
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
ANSWERS = ("red", "blue")
COUNTS = {"train": 24, "val": 8, "test": 8}
SIDE = 16


def write_album(folder: Path) -> Path:
    """The published files: two neighbours share an image, and labels alternate."""
    (folder / "images").mkdir(parents=True)
    for split, count in COUNTS.items():
        for number in range(0, count, 2):
            Image.new("RGB", (SIDE, SIDE), (number, 0, len(split))).save(folder / "images" / f"{split}{number}.png")
        write_lines(folder, split, [line_of(split, number) for number in range(count)])
    return folder


def line_of(split: str, number: int) -> dict[str, Any]:
    return {
        "id": f"{split}-{number}",
        "image": f"{split}{number - number % 2}.png",
        "text": f"word{number % 30}",
        "answer": ANSWERS[number % 2],
    }


def write_lines(folder: Path, split: str, lines: list[dict[str, Any] | str]) -> None:
    """The split's file; a line that is a string stands as it is."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    (folder / f"{split}.jsonl").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


def change(folder: Path, split: str, number: int, **values: Any) -> None:
    """Change fields of one record."""
    lines: list[Any] = [line_of(split, i) for i in range(COUNTS[split])]
    lines[number] |= values
    write_lines(folder, split, lines)


def read_album(split: str, source: Path | None) -> Iterator[Record | Broken]:
    assert source is not None
    for where, values in json_lines(source / f"{split}.jsonl"):
        if isinstance(values, Broken):
            yield values
            continue
        try:
            yield replace(record_of(values, source), where=where)
        except Unreadable as error:
            yield Broken(where=where, reason=str(error))


def record_of(values: Mapping[str, Any], source: Path) -> Record:
    answer = field(values, "answer")
    if answer not in ANSWERS:
        raise Unreadable(str(unknown("answer", answer, ANSWERS)))
    image = picture(source / "images", field(values, "image"))
    return Record(
        id=field(values, "id"), pictures=(image,), texts=(field(values, "text"),), label=ANSWERS.index(answer)
    )


def sources(source: Path | None) -> Mapping[str, str]:
    assert source is not None
    return {f"{split}.jsonl": digest(source / f"{split}.jsonl") for split in COUNTS}


ALBUM = Task(
    name="album",
    title="Album",
    modality="vision-language",
    answers=ANSWERS,
    chance=50.0,
    licence="CC0",
    about="Red or blue?",
    version=1,
    read=read_album,
    sources=sources,
    role="downstream",
    layout=Layout(
        needs=(*(Needed(paths=(f"{split}.jsonl",)) for split in COUNTS), Needed(paths=("images/",))),
        obtain="Get it from https://album.example.",
    ),
    split_note="As published.",
)


def answers_of(source: Path) -> tuple[str, ...]:
    """The answers in the order of their first sight, as a task does that builds its vocabulary."""
    seen = dict.fromkeys(
        values["answer"] for _, values in json_lines(source / "train.jsonl") if isinstance(values, dict)
    )
    return tuple(seen)


def prepared_from(album: Path, processor: Processor, most_broken: float = 0.1) -> Prepared:
    """The album, prepared beside it."""
    prepare_options = PrepareOptions(most_broken=most_broken)
    return prepare(
        ALBUM, processor=processor, root=album.parent / "root", source=album, prepare_options=prepare_options
    )


def visible(album: Path) -> list[Path]:
    """The folders of the prepared album."""
    return [path for path in (album.parent / "root" / "album").glob("*") if not path.name.startswith(".")]


def pointer(album: Path) -> None:
    """Replace a picture by its pointer in Git LFS."""
    (album / "images" / "train4.png").write_bytes(LFS)
