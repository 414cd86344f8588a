"""Paths that lead nowhere, and what stands in a file's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas.runtime.errors import UserError
from atlas.runtime.paths import absolute, home_expanded, not_a_file


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A link that leads back to itself by way of another."""
    (tmp_path / "one.py").symlink_to(tmp_path / "other.py")
    (tmp_path / "other.py").symlink_to(tmp_path / "one.py")
    return tmp_path / "one.py"


def test_a_path_is_followed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "real #1")
    assert absolute("~/link/../x") == tmp_path / "x"
    assert absolute("~/link") == tmp_path / "real #1"


def test_a_link_that_leads_back_to_itself_is_told(loop: Path) -> None:
    with pytest.raises(UserError, match="leads nowhere: it is a link that leads back to itself; give another"):
        absolute(loop)
    assert not_a_file(loop) == f"there is no file {str(loop)!r}: it is a link that leads back to itself"


@pytest.mark.parametrize("path", ["a\x00b", "~nobody-of-this-name/x", "x" * 300])
def test_what_no_path_can_be_is_told(path: str) -> None:
    with pytest.raises(UserError, match="leads nowhere|a home that is not known"):
        absolute(path)


def test_the_home_of_nobody_is_told() -> None:
    with pytest.raises(UserError, match="begins with a home that is not known; write it out"):
        home_expanded("~nobody-of-this-name")


def test_what_stands_in_a_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file.py").touch()
    os.mkfifo(tmp_path / "pipe.py")
    assert not_a_file(tmp_path / "file.py") == ""
    assert not_a_file(tmp_path / "folder.py", "sweep file") == f"{tmp_path / 'folder.py'} is a folder, no sweep file"
    assert not_a_file(tmp_path / "gone.py") == (
        f"{tmp_path / 'gone.py'} is a link to {tmp_path / 'nowhere'}, which is not there"
    )
    assert not_a_file(tmp_path / "pipe.py").endswith("is a pipe or a device, no file")
    assert not_a_file(tmp_path / "none.py") == f"there is no file {tmp_path / 'none.py'}"
    assert "File name too long" in not_a_file(tmp_path / ("x" * 300))
