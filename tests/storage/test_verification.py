from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NoReturn

import pytest
from pyarrow import fs

from atlas.storage.verification import VerifiedFolders, size_fault

CONTENT = b"weights"
FILES = {"inner/weights": (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))}
LOCAL = fs.LocalFileSystem()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here" / "inner").mkdir(parents=True)
    (tmp_path / "here" / "inner" / "weights").write_bytes(CONTENT)
    return tmp_path / "here"


def test_a_whole_folder_has_no_fault(folder: Path) -> None:
    assert size_fault(LOCAL, str(folder), FILES) is None
    assert VerifiedFolders().fault(LOCAL, str(folder), FILES) is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "inner/weights is missing"),
        (b"short", "inner/weights has 5 bytes instead of 7"),
        (b"Weights", "inner/weights has another sha256 than recorded"),
    ],
)
def test_the_first_fault_is_named(folder: Path, content: bytes | None, fault: str) -> None:
    path = folder / "inner" / "weights"
    path.unlink() if content is None else path.write_bytes(content)
    assert VerifiedFolders().fault(LOCAL, str(folder), FILES) == fault
    assert size_fault(LOCAL, str(folder), FILES) == (None if content == b"Weights" else fault)


def test_a_folder_is_hashed_once_until_it_is_forgotten(folder: Path) -> None:
    verified = VerifiedFolders()
    assert verified.fault(LOCAL, str(folder), FILES) is None
    (folder / "inner" / "weights").write_bytes(b"Weights")
    assert verified.fault(LOCAL, str(folder), FILES) is None
    verified.forget(str(folder))
    assert verified.fault(LOCAL, str(folder), FILES) is not None


def test_forgetting_a_folder_does_not_walk_through_all_others(folder: Path) -> None:
    class Unwalked(dict[str, set[str]]):
        def __iter__(self) -> NoReturn:
            raise AssertionError("all folders are looked at")

    verified = VerifiedFolders(Unwalked())
    assert verified.fault(LOCAL, str(folder), FILES) is None
    verified.forget(str(folder))
    (folder / "inner" / "weights").write_bytes(b"Weights")
    assert verified.fault(LOCAL, str(folder), FILES) is not None


def test_the_same_path_on_another_filesystem_is_another_folder(folder: Path) -> None:
    verified, remote = VerifiedFolders(), fs.SubTreeFileSystem(str(folder.parent), LOCAL)
    assert verified.fault(remote, "here", FILES) is None
    (folder / "inner" / "weights").write_bytes(b"Weights")
    assert verified.fault(remote, "here", FILES) is None
    assert verified.fault(fs.SubTreeFileSystem(str(folder.parent.parent), LOCAL), "here", FILES) is not None
    assert verified.fault(LOCAL, str(folder), FILES) == "inner/weights has another sha256 than recorded"
