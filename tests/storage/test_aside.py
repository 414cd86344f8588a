"""Damaged artifacts that several processes find at once, in a bucket and on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from atlas.storage.aside import move_aside
from atlas.storage.filesystem import files_under
from atlas.storage.store import CorruptArtifact, Store
from tests.storage.files import KEY, RESULT

FILE = "facts.json"


@pytest.fixture(params=["disk", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "store") if request.param == "disk" else f"{request.getfixturevalue('bucket')}/store"


def damage(store: Store) -> None:
    artifact = store.find(KEY)
    assert artifact is not None
    with store.filesystem.open_output_stream(f"{store.folder('steps')}/ab/{KEY}/{artifact.attempt}/{FILE}") as stream:
        stream.write(b"[]")


def moved(store: Store) -> list[str]:
    """The names of all files that were put aside, sorted."""
    return sorted(Path(info.path).name for info in files_under(store.filesystem, store.folder("aside")))


def test_each_of_two_readers_of_a_damaged_artifact_is_told_so_at_once(
    address: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patient store would wait half an hour for what it takes for an answer that does not come."""
    first, second = Store.open(address), Store.at(address)
    first.commit(KEY, folder, RESULT)
    damage(first)
    artifact = first.find(KEY)
    assert artifact is not None

    def late(filesystem: fs.FileSystem, paths: list[str], folder: str, target: str) -> str:
        """Both have listed the files; the second one moves them first."""
        monkeypatch.setattr("atlas.storage.store.move_aside", move_aside)
        with pytest.raises(CorruptArtifact):
            second.fetch(artifact, tmp_path / "second")
        return move_aside(filesystem, paths, folder, target)

    monkeypatch.setattr("atlas.storage.store.move_aside", late)
    with pytest.raises(CorruptArtifact, match="facts.json has another sha256"):
        Store.at(address).fetch(artifact, tmp_path / "first")
    assert moved(first) == ["adapter_model.safetensors", "commit.json", FILE]
    assert first.find(KEY) is None


def test_a_reader_that_comes_late_leaves_what_was_trained_again(address: str, folder: Path, tmp_path: Path) -> None:
    store = Store.open(address)
    store.commit(KEY, folder, RESULT)
    damage(store)
    before = store.find(KEY)
    assert before is not None
    with pytest.raises(CorruptArtifact):
        Store.at(address).fetch(KEY, tmp_path / "first")
    Store.at(address).commit(KEY, folder, RESULT)
    with pytest.raises(CorruptArtifact, match="is missing"):
        Store.at(address).fetch(before, tmp_path / "late")
    assert Store.at(address).verify(KEY)


def test_an_error_other_than_a_missing_file_is_raised(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "aside-1" / "a").mkdir(parents=True)  # a folder in the way
    with pytest.raises(OSError, match="Is a directory"):
        move_aside(fs.LocalFileSystem(), [str(tmp_path / "a")], str(tmp_path), str(tmp_path / "aside"))
