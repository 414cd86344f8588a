from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.folders import files_under, folder_digest, is_filled
from atlas.tasks.reading.image_classes import pictures_in

LEFT = ("Thumbs.db", "b/thumbs.db", "desktop.ini", "@eaDir/a.jpg@SynoEAStream", "lost+found/1.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in ("b/2.jpg", "a.jpg", "b/c/é ☀.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_hidden_files_are_left_out_and_the_rest_is_in_order(folder: Path) -> None:
    before = folder_digest(folder)
    for name in ("._a.jpg", ".DS_Store", "__MACOSX/._a.jpg", "b/.thumbs/1.jpg", *LEFT):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    assert list(files_under(folder)) == [("a.jpg", 5), ("b/2.jpg", 7), ("b/c/é ☀.jpg", 14)]
    assert folder_digest(folder) == before


def test_a_name_a_size_and_a_lost_file_change_it_and_time_does_not(folder: Path) -> None:
    seen = {folder_digest(folder)}
    os.utime(folder / "a.jpg", (1, 1))
    assert {folder_digest(folder)} == seen
    (folder / "a.jpg").write_text("longer")
    seen.add(folder_digest(folder))
    (folder / "a.jpg").rename(folder / "d.jpg")
    seen.add(folder_digest(folder))
    (folder / "d.jpg").unlink()
    seen.add(folder_digest(folder))
    assert len(seen) == 4


def test_a_link_to_it_is_the_same_and_links_to_nothing_are_listed(folder: Path) -> None:
    os.symlink(folder, folder.parent / "link")
    assert folder_digest(folder.parent / "link") == folder_digest(folder)
    os.symlink("nothing", folder / "gone.jpg")
    assert ("gone.jpg", -1) in list(files_under(folder))


def test_a_folder_in_it_that_is_a_link_is_refused_where_it_would_be_a_class(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").write_text("x")
    before = list(files_under(folder, links=False))
    os.symlink(tmp_path / "elsewhere", folder / "b" / "class")
    assert list(files_under(folder)) == before
    with pytest.raises(AtlasError, match="b/class is a link, .* put the folder itself there"):
        list(pictures_in(folder.parent, f"{folder.name}/"))


def test_names_that_are_no_unicode_are_names(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff.jpg", "w") as file:
        file.write("x")
    assert len(folder_digest(folder)) == 64


def test_a_folder_of_hidden_files_is_empty(tmp_path: Path) -> None:
    (tmp_path / "._1.jpg").write_text("x")
    assert not is_filled(tmp_path)
    (tmp_path / "1.jpg").write_text("x")
    assert is_filled(tmp_path)
    assert not is_filled(tmp_path / "1.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_may_not_be_read_is_told(folder: Path) -> None:
    (folder / "b").chmod(0)
    with pytest.raises(AtlasError, match="b cannot be read: Permission denied"):
        folder_digest(folder)
