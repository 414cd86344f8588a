"""easy-VQA: 5,000 real little images of one coloured shape each, and questions about them.

The PyPI package `easy-vqa` (Victor Zhou, MIT) holds the images (64x64) and the questions. Its test part is
`test`; a tenth of its training *images*, with all their questions, is held out as `val`, so that no image
is in two splits. `known_facts` recovers the content of each image, for the tasks derived from it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.resources
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.runtime.digest import file_sha256, text_sha256
from atlas.runtime.errors import UserError, unknown
from atlas.tasks.sample import SPLITS, Picture, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from PIL import Image

COLOURS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")
SHAPES = ("circle", "rectangle", "triangle")
ANSWERS = (*COLOURS, "no", *SHAPES, "yes")
HELD_OUT = 10  # one training image in so many is for selection
LICENCE = "MIT (easy-VQA, Victor Zhou)"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of the package: its text, its answer, its image's number."""

    text: str
    answer: str
    image: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The colour and shape of an image as its questions prove them; None where they do not."""

    colour: str | None
    shape: str | None


def data_folder() -> Path:
    """The data folder of the installed package. Raises UserError where it is not installed."""
    try:
        return Path(str(importlib.resources.files("easy_vqa"))) / "data"
    except ModuleNotFoundError as error:
        raise UserError("the package easy-vqa is not installed: pip install 'easy-vqa>=1.0'") from error


@functools.cache
def questions(part: str) -> tuple[Question, ...]:
    """The questions of the package's own part ("train" or "test"), in its order."""
    path = data_folder() / part / "questions.json"
    if not path.is_file():
        raise UserError(f"easy-vqa: {path} is missing. Reinstall: pip install --force-reinstall easy-vqa")
    return tuple(
        Question(text=text, answer=answer, image=image) for text, answer, image in json.loads(path.read_text())
    )


@functools.cache
def held_out() -> frozenset[int]:
    """The training images that are held out for selection: those whose names hash lowest."""
    images = {question.image for question in questions("train")}
    ranked = sorted(images, key=lambda image: text_sha256(f"easy-vqa val {image}"))
    return frozenset(ranked[: len(images) // HELD_OUT])


@functools.cache
def split_questions(split: str) -> tuple[Question, ...]:
    """The questions of one of our splits. Raises UserError on an unknown split."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if split == "test":
        return questions("test")
    kept = held_out()
    return tuple(question for question in questions("train") if (question.image in kept) == (split == "val"))


def open_picture(path: Path) -> Image.Image:
    """Decode one image file."""
    from PIL import Image

    return Image.open(path)


def picture(split: str, image: int) -> Picture:
    """The picture with that number; `val` shares the numbering of `train`."""
    part = "test" if split == "test" else "train"
    path = data_folder() / part / "images" / f"{image}.png"
    return Picture(name=f"{part}/{image}", open=functools.partial(open_picture, path))


def mentioned(text: str, names: tuple[str, ...]) -> str | None:
    """The first of the names that the text contains as a word."""
    words = text.rstrip("?").split()
    return next((name for name in names if name in words), None)


def present(question: Question) -> bool:
    """Whether the mentioned colour or shape is in the image."""
    if question.answer not in ("yes", "no"):
        return True
    negated = bool({"no", "not"} & set(question.text.split()))
    return (question.answer == "yes") != negated


def proven(asked: list[Question], names: tuple[str, ...]) -> str | None:
    """The name that an image's questions prove: by answer, by mention or by elimination."""
    ruled_out = set()
    for question in asked:
        if question.answer in names:
            return question.answer
        name = mentioned(question.text, names)
        if name and present(question):
            return name
        ruled_out.add(name)
    left = [name for name in names if name not in ruled_out]
    return left[0] if len(left) == 1 else None


@functools.cache
def known_facts(split: str) -> Mapping[int, Facts]:
    """Colour and shape of every image of a split, as far as its questions prove them."""
    by_image: dict[int, list[Question]] = {}
    for question in split_questions(split):
        by_image.setdefault(question.image, []).append(question)
    return {
        i: Facts(colour=proven(asked, COLOURS), shape=proven(asked, SHAPES)) for i, asked in sorted(by_image.items())
    }


def read_questions(split: str, source: Path | None) -> Iterator[Record]:
    """The questions of a split, each with its image, shuffled by a fixed seed: any first part is a fair sample.

    The data is part of the package: `source` is not used.
    """
    numbered = list(enumerate(split_questions(split)))
    random.Random(f"easy-vqa {split}").shuffle(numbered)
    for number, question in numbered:
        yield Record(
            id=f"{split}-{number}",
            pictures=(picture(split, question.image),),
            texts=(question.text,),
            label=ANSWERS.index(question.answer),
        )


def package_sources(source: Path | None) -> Mapping[str, str]:
    """The package's version and the digests of its question files."""
    files = {f"{part}/questions.json": data_folder() / part / "questions.json" for part in ("train", "test")}
    digests = {name: file_sha256(path) for name, path in files.items()}
    return {"package easy-vqa": importlib.metadata.version("easy-vqa"), **digests}


EASY_VQA = Task(
    name="easy-vqa",
    title="easy-VQA",
    modality="vision-language",
    answers=ANSWERS,
    chance=100 / len(ANSWERS),
    licence=LICENCE,
    about="Questions about one coloured shape, 13 answers; the question alone gets 67.0 % of the test part.",
    version=1,
    read=read_questions,
    sources=package_sources,
)
