from __future__ import annotations

from dataclasses import dataclass
from functools import partial as part
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
    return part(draw, Scene(colour="".join(colour), size=(8, 8)), **options)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (of("red"), of("red"), of("blue")),
        (of("red", light=1.0), of("red", light=1.0), of("red", light=0.5)),
        (part(Image.open, Path("a")), part(Image.open, Path("a")), part(Image.open, Path("b"))),
        (shade(3), shade(3), shade(4)),
        (part(draw, np.arange(3)), part(draw, np.arange(3)), part(draw, np.ones(3))),
        (part(draw, np.int64(3)), part(draw, np.int64(3)), part(draw, np.int64(4))),
    ],
)
def test_openers_of_equal_code_and_values_are_equal(one: Any, same: Any, other: Any) -> None:
    assert opener_digest(one) == opener_digest(same) != b""
    assert opener_digest(one) != opener_digest(other)


class Folder:
    def open(self) -> Image.Image:
        return Image.new("L", (8, 8))


@pytest.mark.parametrize("opener", [Folder().open, part(draw, Folder()), Image.new("L", (2, 2)).copy])
def test_an_opener_of_other_things_is_not_told_apart(opener: Any) -> None:
    assert opener_digest(opener) == b""


def test_a_list_that_holds_itself_is_not_told_apart() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert opener_digest(part(draw, endless)) == b""
