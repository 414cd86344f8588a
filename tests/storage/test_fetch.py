"""Fetching: verified copies, and the parts of an artifact that are read alone."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from atlas.runtime.errors import StorageUnavailable
from atlas.storage import local_copy
from atlas.storage.store import CorruptArtifact, Store
from tests.storage.files import KEY, RESULT, alter, stored


def test_files_are_hashed_once_a_process(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    store.fetch(KEY, tmp_path / "into")
    assert store.verify(KEY)
    assert len(store.verified.hashed) == (1 if store.is_local else 2)  # a copy is another folder
    alter(stored(tmp_path, "facts.json"))  # same size: only hashing again would notice
    assert store.verify(KEY)
    assert not Store(filesystem=store.filesystem, root=store.root, uri=store.uri).verify(KEY)


def test_a_copy_is_hashed_although_the_original_was(remote: Store, folder: Path, tmp_path: Path) -> None:
    remote.commit(KEY, folder, RESULT)
    damaged = remote.fetch(KEY, tmp_path / "into")
    alter(damaged / "facts.json")
    other = Store(filesystem=remote.filesystem, root=remote.root, uri=remote.uri)
    assert other.verify(KEY)
    assert (other.fetch(KEY, tmp_path / "into") / "facts.json").read_text() == "{}"


def test_a_damaged_copy_does_not_condemn_the_original(remote: Store, folder: Path, tmp_path: Path) -> None:
    remote.commit(KEY, folder, RESULT)
    (remote.fetch(KEY, tmp_path / "into") / "facts.json").unlink()
    assert (remote.fetch(KEY, tmp_path / "into") / "facts.json").read_text() == "{}"
    assert remote.verify(KEY)


def test_of_one_folder_alone_that_is_asked_for_nothing_else_is_copied(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    store.commit(KEY, folder, RESULT)
    part = store.fetch(KEY, tmp_path / "into", only="adapter")
    assert (part / "adapter" / "adapter_model.safetensors").read_bytes() == b"w" * 5000
    assert (part / "facts.json").exists() is store.is_local
    assert (store.fetch(KEY, tmp_path / "into") / "facts.json").exists()


def test_a_copy_without_a_place_of_its_own_goes_to_the_users_cache(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "cache"))
    store.commit(KEY, folder, RESULT)
    assert store.fetch(KEY).is_relative_to(tmp_path / ("store" if store.is_local else "cache"))


def test_a_copy_that_finds_no_room_is_unavailable_and_leaves_nothing(
    remote: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit(KEY, folder, RESULT)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(StorageUnavailable, match="no room for a copy"):
        remote.fetch(KEY, tmp_path / "into")
    assert [path for path in (tmp_path / "into").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "into" / KEY).iterdir()) == []


def test_a_copy_that_vanishes_meanwhile_does_not_condemn_the_original(
    remote: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit(KEY, folder, RESULT)
    copy_files = local_copy.copy_files

    def cleaned_away(*arguments: Any) -> None:
        copy_files(*arguments)
        for copy in (tmp_path / "into" / KEY).iterdir():
            shutil.rmtree(copy)

    with monkeypatch.context() as other_process:
        other_process.setattr(local_copy, "copy_files", cleaned_away)
        with pytest.raises(StorageUnavailable, match="is missing, though the stored files are whole"):
            remote.fetch(KEY, tmp_path / "into")
    assert (remote.fetch(KEY, tmp_path / "into") / "facts.json").exists()


def test_of_two_processes_that_copy_at_once_the_first_ones_copy_stays(
    remote: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit(KEY, folder, RESULT)
    other = Store(filesystem=remote.filesystem, root=remote.root, uri=remote.uri)
    is_kept = local_copy.is_kept

    def just_before(copy: Path) -> bool:
        """The answer of a moment ago: meanwhile the other process has put its copy there."""
        monkeypatch.setattr(local_copy, "is_kept", is_kept)
        (other.fetch(KEY, tmp_path / "into") / "sign").touch()
        return False

    monkeypatch.setattr(local_copy, "is_kept", just_before)
    assert (remote.fetch(KEY, tmp_path / "into") / "sign").exists()
    assert len(list((tmp_path / "into" / KEY).iterdir())) == 1


def test_many_copies_made_within_a_minute_have_the_cache_trimmed_once(
    remote: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed: list[Path] = []
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(local_copy, "trim", trimmed.append)
    monkeypatch.setattr(local_copy, "TRIM_SECONDS", 1e9)
    for number in range(5):
        remote.commit(f"ab{number}", folder, RESULT)
        remote.fetch(f"ab{number}")
    assert trimmed == [tmp_path / "cache" / "artifacts"]


def test_the_shapes_of_tensors_are_read_without_the_tensors(store: Store, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    save_file({"a": np.zeros((3, 4), np.float32), "b": np.zeros(5, np.float32)}, tmp_path / "made" / "w.safetensors")
    store.commit(KEY, tmp_path / "made", RESULT)
    path = stored(tmp_path, "w.safetensors")
    path.write_bytes(path.read_bytes()[:-68] + bytes(range(68)))  # what is behind the header does not matter
    assert sorted(store.tensor_shapes(KEY)) == [(3, 4), (5,)]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptArtifact, match="bytes instead of"):
        store.tensor_shapes(KEY)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40], ids=["empty", "short", "no length"])
def test_a_file_that_is_no_safetensors_file_has_no_shapes(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "w.safetensors").write_bytes(content)
    store.commit(KEY, tmp_path / "made", RESULT)
    with pytest.raises(ValueError, match="no safetensors file"):
        store.tensor_shapes(KEY)
