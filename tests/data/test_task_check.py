from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas.backbones.families import FAMILIES
from atlas.backbones.processor import Processor
from atlas.backbones.vilt.model import IMAGES
from atlas.data.listing import page_of
from atlas.data.prepare import PrepareOptions, prepare
from atlas.data.task_check import check_distinct
from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import StoragePath
from atlas.tasks import Record
from tests.backbones.toys import CHOICES, PAIRS, SHADES
from tests.data.album import ALBUM, prepared_from


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
        ({"answers": ("caf\u00e9", "tea", "cafe\u0301")}, "is declared twice"),
        ({"answers": ("a",)}, "it declares one answer, 'a', so that there is nothing to learn"),
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


def test_one_file_for_two_splits_is_refused_and_taken_where_that_is_meant(album: Path, processor: Processor) -> None:
    shutil.copyfile(album / "train.jsonl", album / "test.jsonl")
    with pytest.raises(AtlasError) as refused:
        prepared_from(album, processor)
    assert str(refused.value) == (
        "album: train.jsonl and test.jsonl are the same file, so that splits share their records. Put the published "
        "ones there, or take them as they are by --same-files."
    )
    options = PrepareOptions(same_files=True)
    card = prepare(ALBUM, processor=processor, root=album.parent, source=album, prepare_options=options).card
    assert card.overlap is not None
    assert card.overlap["train and test"]["records"] == 24


@pytest.mark.parametrize(
    "sources",
    [
        {"train-labels.lst": "a" * 64, "valid-labels.lst": "a" * 64},
        {"train/": "a" * 64, "val/": "a" * 64},
        {"package one": "1.0", "package two": "1.0"},
    ],
)
def test_labels_folders_and_versions_may_be_the_same(sources: dict[str, str]) -> None:
    check_distinct(replace(SHADES, alike=("*.lst",)), sources)


def test_two_files_that_differ_in_a_byte_are_two(album: Path, processor: Processor) -> None:
    text = (album / "train.jsonl").read_text().replace('"train-0"', '"other-0"')
    (album / "test.jsonl").write_text(text)
    assert prepared_from(album, processor).counts["test"] == 24


def test_a_task_without_a_layout_says_where_its_files_are_had(tmp_path: Path, processor: Processor) -> None:
    def read(split: str, source: Path | None) -> Iterator[Record]:
        raise FileNotFoundError("mine.csv")

    task = replace(SHADES, read=read, obtain="Export mine.csv from the survey.")
    with pytest.raises(AtlasError, match=r"its reader fails .*mine.csv.* Export mine.csv from the survey\.$"):
        prepare(task, processor=processor, root=tmp_path)
    with pytest.raises(AtlasError, match=r"is not a folder. Export mine.csv from the survey\.$"):
        prepare(task, processor=processor, root=tmp_path, source=tmp_path / "nowhere")
    with pytest.raises(AtlasError, match=r"'mine.csv'\. Export mine.csv from the survey\.$"):
        prepare(replace(task, sources=fails), processor=processor, root=tmp_path)
    place = StoragePath.at(tmp_path)
    assert "from        Export mine.csv from the survey." in page_of(task, processor=processor, place=place)
