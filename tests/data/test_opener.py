from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlas.data.opener import opener_digest


@dataclass(frozen=True)
class Scene:
    colour: str
    size: tuple[int, int]


def draw(scene: Scene, *, light: float = 0.5) -> Image.Image:
    return Image.new("RGB", scene.size, scene.colour)


def shade(number: int) -> Any:
    return lambda: Image.new("L", (8, 8), number)


def of(colour: str, **options: float) -> Any:
    return functools.partial(draw, Scene(colour="".join(colour), size=(8, 8)), **options)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (of("red"), of("red"), of("blue")),
        (of("red", light=1.0), of("red", light=1.0), of("red", light=0.5)),
        (functools.partial(Image.open, Path("a")), functools.partial(Image.open, Path("a")), functools.partial(Image.open, Path("b"))),
        (shade(3), shade(3), shade(4)),
        (functools.partial(draw, np.arange(3)), functools.partial(draw, np.arange(3)), functools.partial(draw, np.ones(3))),
        (functools.partial(draw, np.int64(3)), functools.partial(draw, np.int64(3)), functools.partial(draw, np.int64(4))),
    ],
)  # fmt: skip
def test_openers_of_equal_code_and_values_are_equal(one: Any, same: Any, other: Any) -> None:
    assert opener_digest(one) == opener_digest(same) != b""
    assert opener_digest(one) != opener_digest(other)


class Folder:
    def open(self) -> Image.Image:
        return Image.new("L", (8, 8))


@pytest.mark.parametrize("opener", [Folder().open, functools.partial(draw, Folder()), Image.new("L", (2, 2)).copy])
def test_an_opener_of_other_things_is_not_told_apart(opener: Any) -> None:
    assert opener_digest(opener) == b""


def test_a_list_that_holds_itself_is_not_told_apart() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert opener_digest(functools.partial(draw, endless)) == b""
