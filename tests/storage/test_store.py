from __future__ import annotations

import errno
import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.storage.artifact import CommitRecord
from atlas.storage.step_result import StepResult
from atlas.storage.store import CorruptArtifact, Store
from tests.storage.files import KEY, RESULT, alter, cut, stored


def test_a_committed_entry_is_found_and_fetched_whole(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    entry = store.find(KEY)
    assert entry is not None
    assert entry.result == RESULT
    assert entry.facts == RESULT.to_json()
    assert entry.files["adapter/adapter_model.safetensors"][1] == 5000
    got = store.fetch(KEY, tmp_path / "into")
    assert (got / "adapter" / "adapter_model.safetensors").read_bytes() == b"w" * 5000
    assert store.verify(KEY)
    assert store.result(KEY) == RESULT


def test_a_local_store_hands_out_its_own_folder_without_a_copy(tmp_path: Path, folder: Path) -> None:
    store = Store.open(str(tmp_path / "store"))
    store.commit(KEY, folder, RESULT)
    assert store.fetch(KEY, tmp_path / "into").is_relative_to(tmp_path / "store")
    assert not (tmp_path / "into").exists()


def test_a_second_commit_leaves_the_first_in_place(store: Store, folder: Path) -> None:
    store.commit(KEY, folder, RESULT)
    first = store.find(KEY)
    store.commit(KEY, folder, StepResult(title="another"))
    assert store.find(KEY) == first


def test_keys_has_and_remove_agree(store: Store, folder: Path) -> None:
    other = "cd" + "1" * 62
    store.commit(KEY, folder, RESULT)
    store.commit(other, folder, RESULT)
    assert list(store.keys()) == [KEY, other]
    assert store.has([KEY, other, "ef" + "2" * 62]) == {KEY, other}
    many = [f"{number:04x}" + "3" * 60 for number in range(1500)]  # these are listed instead of asked for
    assert store.has([KEY, other, *many]) == {KEY, other}
    store.remove(KEY)
    store.remove(KEY)
    assert list(store.keys()) == [other]
    assert store.find(KEY) is None
    assert store.has([]) == set()


def test_a_scope_is_a_store_of_its_own(tmp_path: Path, folder: Path) -> None:
    shared = Store.open(str(tmp_path / "store"))
    private = Store.open(str(tmp_path / "store"), scope="private/trial-3")
    private.commit(KEY, folder, RESULT)
    assert shared.find(KEY) is None
    assert private.has([KEY]) == {KEY}
    assert list(shared.keys()) == []


@pytest.mark.parametrize(
    ("damage", "words"), [(cut, "4999 bytes instead of 5000"), (alter, "sha256"), (Path.unlink, "missing")]
)
def test_a_damaged_file_is_found_and_the_entry_moved_aside(
    store: Store, folder: Path, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    store.commit(KEY, folder, RESULT)
    damage(stored(tmp_path, "adapter_model.safetensors"))
    assert not store.verify(KEY)
    with pytest.raises(CorruptArtifact, match=words):
        store.fetch(KEY, tmp_path / "into")
    assert store.find(KEY) is None
    assert list((tmp_path / "store").rglob(f"aside/{KEY}-1/commit.json"))
    store.commit(KEY, folder, RESULT)
    assert store.fetch(KEY, tmp_path / "into").is_dir()


def test_a_second_damaged_entry_gets_a_number_of_its_own(store: Store, folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        store.commit(KEY, folder, RESULT)
        steps = next((tmp_path / "store").rglob("steps"))
        alter(next(steps.rglob("facts.json")))
        with pytest.raises(CorruptArtifact):
            store.fetch(KEY, tmp_path / "into")
    assert {path.parent.name for path in (tmp_path / "store").rglob("aside/*/commit.json")} == {
        f"{KEY}-1",
        f"{KEY}-2",
    }


def test_a_damaged_entry_is_replaced_by_the_next_commit(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    cut(stored(tmp_path, "adapter_model.safetensors"))
    store.commit(KEY, folder, StepResult(title="again"))
    assert store.result(KEY) == StepResult(title="again")


@pytest.mark.parametrize("damage", [cut, alter])
def test_a_damaged_marker_counts_as_absent(
    store: Store, folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store.commit(KEY, folder, RESULT)
    damage(stored(tmp_path, "commit.json"))
    assert store.find(KEY) is None
    assert store.has([KEY]) == set()
    store.commit(KEY, folder, RESULT)
    assert store.verify(KEY)


def test_altered_facts_in_a_marker_are_noticed(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    marker = stored(tmp_path, "commit.json")
    marker.write_text(marker.read_text().replace("91.25", "99.25"))
    assert store.find(KEY) is None


def test_a_marker_cannot_name_files_outside_its_folder(store: Store, folder: Path, tmp_path: Path) -> None:
    from atlas.storage.artifact import Artifact, marker_of

    store.commit(KEY, folder, RESULT)
    evil = Artifact(key=KEY, attempt="a", facts={}, files={"../../../secret.json": ("0", 1)})
    stored(tmp_path, "commit.json").write_bytes(marker_of(evil))
    assert store.find(KEY) is None


def test_an_attempt_without_a_marker_is_no_entry(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    stored(tmp_path, "commit.json").unlink()
    assert store.find(KEY) is None
    assert list(store.keys()) == []


@pytest.mark.parametrize("name", ["model.pkl", "model.bin", "noextension"])
def test_what_could_be_pickled_is_refused(store: Store, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with pytest.raises(AtlasError, match="may not go into a store"):
        store.commit(KEY, folder, RESULT)
    assert store.find(KEY) is None


def test_a_link_is_refused(store: Store, folder: Path) -> None:
    (folder / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(AtlasError, match=r"link\.json"):
        store.commit(KEY, folder, RESULT)


class PathRecord:
    """A record that is not plain JSON."""

    def to_json(self) -> dict[str, Any]:
        return {"path": Path("x")}


@pytest.mark.parametrize("record", [StepResult(losses=((1, float("nan")),)), PathRecord()], ids=["NaN", "a path"])
def test_a_record_that_json_cannot_hold_is_refused_before_uploading(
    store: Store, folder: Path, tmp_path: Path, record: CommitRecord
) -> None:
    with pytest.raises(AtlasError, match="JSON"):
        store.commit(KEY, folder, record)
    assert not list((tmp_path / "store").rglob("*.safetensors"))


@pytest.mark.parametrize("key", ["../../etc", "a/b", "", "x" * 200])
def test_a_key_that_is_a_path_is_refused(store: Store, key: str) -> None:
    with pytest.raises(AtlasError, match="key"):
        store.find(key)


@pytest.mark.parametrize("scope", ["/absolute", "../up", "a/../b"])
def test_a_scope_outside_the_store_is_refused(tmp_path: Path, scope: str) -> None:
    with pytest.raises(AtlasError, match="relative"):
        Store.open(str(tmp_path), scope=scope)


def test_a_place_that_cannot_be_written_is_refused_at_opening(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(AtlasError, match="cannot be written"):
        Store.open(str(tmp_path / "file"))
    with pytest.raises(AtlasError, match="cannot be opened"):
        Store.open("ftp://host/store")


def test_a_missing_entry_is_an_error_that_names_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=KEY):
        store.fetch(KEY, tmp_path)
    assert not store.verify(KEY)


def test_two_commits_at_once_leave_one_whole_entry(store: Store, folder: Path, tmp_path: Path) -> None:
    start = threading.Barrier(4)

    def commit(number: int) -> None:
        start.wait()
        store.commit(KEY, folder, StepResult(title=str(number)))

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.verify(KEY)
    assert store.result(KEY).title in "0123"


def test_a_store_travels_to_another_process(store: Store, folder: Path) -> None:
    store.commit(KEY, folder, RESULT)
    assert pickle.loads(pickle.dumps(store)).result(KEY) == RESULT


def test_the_marker_is_readable_json(store: Store, folder: Path, tmp_path: Path) -> None:
    store.commit(KEY, folder, RESULT)
    body = json.loads(stored(tmp_path, "commit.json").read_text())
    assert body["schema"] == 1
    assert set(body) == {"schema", "key", "attempt", "facts", "files", "digest"}


def test_a_commit_that_the_disk_has_no_room_for_leaves_nothing(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write_small", full)
        with pytest.raises(OSError, match="No space"):
            store.commit(KEY, folder, RESULT)
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    store.commit(KEY, folder, RESULT)
    assert store.verify(KEY)


def test_credentials_in_an_address_are_not_repeated_in_errors() -> None:
    with pytest.raises(AtlasError) as error:
        Store.open("ftp://user:secret@host/store")
    assert "ftp://***@host/store" in str(error.value)
    assert "secret" not in str(error.value)
