"""Small tasks and a small processor's folder, made up for the tests of `atlas.data`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from atlas.tasks import Picture, Record, Task

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"word{i}" for i in range(30)))
SIZE = 8
LENGTH = 6
COUNTS = {"train": 25, "val": 5, "test": 7}


def write_folder(folder: Path, *, size: int = SIZE, length: int = LENGTH) -> Path:
    """Write the files that the processor reads from a backbone's folder: the tokenizer and the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"image_size": size, "max_position_embeddings": length}))
    return folder


def paint(shade: int) -> Image.Image:
    return Image.new("RGB", (SIZE, SIZE), (shade, 0, 255 - shade))


def shade_of(split: str, number: int) -> int:
    """The red of a record's picture: two neighbours share one."""
    return number // 2 + 100 * ("train", "val", "test").index(split)


def picture_of(split: str, number: int) -> Picture:
    shade = shade_of(split, number)
    return Picture(name=f"shade{shade}", open=functools.partial(paint, shade))


def read_shades(split: str, source: Path | None) -> Iterator[Record]:
    for number in range(COUNTS[split]):
        yield Record(
            id=f"{split}{number}",
            pictures=(picture_of(split, number),),
            texts=(f"word{number} word{number % 3}",),
            label=number % 3,
        )


def read_choices(split: str, source: Path | None) -> Iterator[Record]:
    for number in range(COUNTS[split]):
        texts = tuple(f"word{number} word{choice}" for choice in range(4))
        yield Record(id=f"{split}{number}", pictures=(), texts=texts, label=number % 4)


def read_pairs(split: str, source: Path | None) -> Iterator[Record]:
    for number in range(COUNTS[split]):
        pictures = (picture_of(split, number), picture_of(split, 0))
        label = ((number % 3, 1.0), ((number + 1) % 3, 0.3))
        yield Record(id=f"{split}{number}", pictures=pictures, texts=("word1",), label=label)


def read_names(split: str, source: Path | None) -> Iterator[Record]:
    for number, record in enumerate(read_shades(split, source)):
        yield replace(record, label=(), references=(f"answer {number % 3}", *(("Ans | wer",) * (number % 2))))


def paint_and_say(log: Path, shade: int) -> Image.Image:
    with log.open("a") as file:
        file.write(f"{shade}\n")
    return paint(shade)


def read_and_say(log: Path, split: str, source: Path | None) -> Iterator[Record]:
    for number, record in enumerate(read_shades(split, source)):
        shade = shade_of(split, number)
        picture = Picture(name=f"shade{shade}", open=functools.partial(paint_and_say, log, shade))
        yield replace(record, pictures=(picture,))


def saying(log: Path) -> Task:
    """`shades`, whose pictures write into a log when they are opened."""
    return replace(SHADES, read=functools.partial(read_and_say, log))


def no_sources(source: Path | None) -> Mapping[str, str]:
    return {"made up": "1"}


SHADES = Task(
    name="shades",
    title="Shades",
    modality="vision-language",
    answers=("none", "one", "two"),
    chance=100 / 3,
    licence="none",
    about="Made up.",
    version=1,
    read=read_shades,
    sources=no_sources,
)
CHOICES = Task(
    name="choices",
    title="Choices",
    modality="language",
    choices=4,
    chance=25.0,
    licence="none",
    about="Made up.",
    version=1,
    read=read_choices,
    sources=no_sources,
)
PAIRS = Task(
    name="pairs",
    title="Pairs",
    modality="vision-language",
    answers=("none", "one", "two"),
    images=2,
    score="soft",
    chance=0.0,
    licence="none",
    about="Made up.",
    version=1,
    read=read_pairs,
    sources=no_sources,
)
NAMES = replace(SHADES, name="names", title="Names", answers=(), score="exact-lower", chance=0.0, read=read_names)
