from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from atlas.backbones.processor import Processor
from atlas.data import picture_files
from atlas.data.picture_files import PictureFile, file_of
from tests.data.album import prepared_from


def repaint(path: Path) -> None:
    """Another picture of the same name and size in bytes."""
    size = path.stat().st_size
    Image.new("RGB", (16, 16), (9, 9, 9)).save(path)
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * (size - len(content)))
    assert path.stat().st_size == size


@pytest.fixture
def roomy(album: Path) -> Path:
    """The album, its files padded, so that any picture of one colour has the size of another."""
    for path in (album / "images").glob("*.png"):
        content = path.read_bytes()
        path.write_bytes(content + b"\0" * (400 - len(content)))
    return album


def test_another_picture_of_the_same_name_and_size_is_prepared_anew(roomy: Path, processor: Processor) -> None:
    before = prepared_from(roomy, processor)
    repaint(roomy / "images" / "train4.png")
    after = prepared_from(roomy, processor)
    assert after.made
    assert after.fingerprint != before.fingerprint
    assert not prepared_from(roomy, processor).made


def test_a_picture_with_the_time_of_the_one_that_it_replaces_is_noticed(roomy: Path, processor: Processor) -> None:
    prepared_from(roomy, processor)
    path = roomy / "images" / "test2.png"
    found = path.stat()
    repaint(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert prepared_from(roomy, processor).made


def test_a_copied_folder_is_read_once_and_not_prepared_again(
    roomy: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prepared_from(roomy, processor)
    shutil.move(roomy, roomy.with_name("first"))
    shutil.copytree(roomy.with_name("first"), roomy)
    again = prepared_from(roomy, processor)
    assert (again.made, again.fingerprint) == (False, before.fingerprint)
    monkeypatch.setattr(PictureFile, "read", lambda *_: pytest.fail("read again"))
    assert not prepared_from(roomy, processor).made


def test_a_picture_that_cannot_be_read_any_more_is_prepared_anew(roomy: Path, processor: Processor) -> None:
    prepared = prepared_from(roomy, processor)
    (roomy / "images" / "train4.png").unlink()
    assert picture_files.pictures_changed(prepared.path, ("train",), roomy)


def test_data_of_an_earlier_release_has_no_list_and_is_taken(roomy: Path, processor: Processor) -> None:
    prepared = prepared_from(roomy, processor)
    for split in ("train", "val", "test"):
        file_of(prepared.path, split).unlink()
    repaint(roomy / "images" / "train4.png")
    assert not prepared_from(roomy, processor).made


def test_a_folder_that_may_only_be_read_is_compared_each_time(
    roomy: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepared_from(roomy, processor)
    listed = file_of(prepared.path, "train").read_bytes()
    os.utime(roomy / "images" / "train4.png")
    monkeypatch.setattr(picture_files.os, "access", lambda *_: False)
    assert not picture_files.pictures_changed(prepared.path, ("train",), roomy)
    assert file_of(prepared.path, "train").read_bytes() == listed
