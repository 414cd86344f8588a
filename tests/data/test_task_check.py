from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones.families import FAMILIES
from atlas.backbones.processor import Processor
from atlas.backbones.vilt.model import IMAGES
from atlas.data.prepare import prepare
from atlas.runtime.errors import AtlasError
from tests.backbones.toys import CHOICES, PAIRS, SHADES


def vilt(processor: Processor, folder: Path) -> Processor:
    """The processor of a backbone of ViLT's family."""
    (folder / "config.json").write_text('{"model_type": "vilt"}')
    return replace(processor, folder=folder)


def fails(source: Path | None) -> dict[str, str]:
    raise KeyError("mine.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answers": ("a", "b", "a")}, "the answer 'a' is declared twice"),
        ({"answers": ("a", 1)}, "the answer 1 is a int"),
        ({"answers": ()}, "neither answers nor more than one choice"),
        ({"images": 0}, "declares 0 images"),
        ({"images": 3}, "a record has 3 images, and the backbone .* takes 2"),
        ({"sources": fails}, "its `sources` fails with KeyError: 'mine.csv'"),
        ({"sources": lambda source: None}, "its `sources` gives None"),
        ({"sources": lambda source: {"a": 1}}, "give a digest or version, a text, by name"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_before_anything_is_read(
    processor: Processor, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    def read(split: str, source: Path | None) -> Any:
        pytest.fail("read")

    task = replace(SHADES, read=read, **changes)
    with pytest.raises(AtlasError, match=message):
        prepare(task, processor=vilt(processor, tmp_path), root=tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_the_family_says_how_many_images_its_model_takes() -> None:
    assert FAMILIES["vilt"].images == IMAGES


def test_two_images_and_choices_are_fine(processor: Processor, tmp_path: Path) -> None:
    for task in (PAIRS, CHOICES):
        prepared = prepare(task, processor=vilt(processor, tmp_path), root=tmp_path / "root")
        assert (prepared.task, prepared.card.images) == (task.name, task.images)
        assert min(prepared.counts.values()) > 0
