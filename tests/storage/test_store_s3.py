"""The store in a bucket of a real S3-compatible server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pyarrow import fs

from atlas.maintenance.collection import DAY, find_waste, remove
from atlas.runtime.errors import AccessDenied, AtlasError, UserError
from atlas.storage.filesystem import StoragePath
from atlas.storage.leases import StepLeases
from atlas.storage.step_result import StepCost, StepResult
from atlas.storage.store import CorruptArtifact, Store

KEY = "ab" + "0" * 62
RESULT = StepResult(title="digits", cost=StepCost(seconds=91.25))


@pytest.fixture
def store(bucket: str) -> Store:
    return Store.open(f"{bucket}/prefix/store")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "weights.safetensors").write_bytes(bytes(range(256)) * 50_000)  # 12 MB: several parts
    (folder / "head.json").write_text("{}")
    return folder


def overwrite(store: Store, name: str, content: bytes) -> None:
    entry = store.find(KEY)
    assert entry is not None
    with store.filesystem.open_output_stream(f"{store.root}/steps/ab/{KEY}/{entry.attempt}/{name}") as stream:
        stream.write(content)


def test_a_committed_step_is_found_listed_and_fetched_at_once(store: Store, files: Path, tmp_path: Path) -> None:
    store.commit(KEY, files, RESULT)
    entry = store.find(KEY)
    assert entry is not None
    assert entry.result == RESULT
    assert list(store.keys()) == [KEY]
    assert store.has([KEY, "cd" + "1" * 62]) == {KEY}
    assert store.verify(KEY)
    fetched = store.fetch(KEY, tmp_path / "fetched")
    assert (fetched / "adapter" / "weights.safetensors").read_bytes() == bytes(range(256)) * 50_000


def test_of_two_commits_the_first_stays(store: Store, files: Path) -> None:
    store.commit(KEY, files, RESULT)
    first = store.find(KEY)
    Store.open(store.uri).commit(KEY, files, StepResult(title="other"))
    assert store.find(KEY) == first


def test_an_attempt_without_its_marker_is_nowhere(store: Store, files: Path) -> None:
    store.commit(KEY, files, RESULT)
    store.filesystem.delete_file(f"{store.root}/steps/ab/{KEY}/commit.json")
    assert store.find(KEY) is None
    assert list(store.keys()) == []


def test_an_altered_file_is_noticed_put_aside_and_committed_again(store: Store, files: Path, tmp_path: Path) -> None:
    store.commit(KEY, files, RESULT)
    overwrite(store, "head.json", b"[]")
    other = Store.open(store.uri)
    assert not other.verify(KEY)
    with pytest.raises(CorruptArtifact, match="head.json has another sha256"):
        other.fetch(KEY, tmp_path / "fetched")
    assert other.find(KEY) is None
    other.commit(KEY, files, RESULT)
    assert other.verify(KEY)


def test_a_marker_that_was_cut_counts_as_absent(store: Store, files: Path) -> None:
    store.commit(KEY, files, RESULT)
    with store.filesystem.open_output_stream(f"{store.root}/steps/ab/{KEY}/commit.json") as stream:
        stream.write(b'{"schema"')
    assert store.find(KEY) is None


def test_a_removed_step_leaves_no_file(store: Store, files: Path, s3, bucket: str) -> None:  # type: ignore[no-untyped-def]
    store.commit(KEY, files, RESULT)
    store.remove(KEY)
    assert list(store.keys()) == []
    assert s3.names(bucket.removeprefix("s3://")) == []


def test_what_no_sweep_keeps_is_collected(store: Store, files: Path, s3, bucket: str) -> None:  # type: ignore[no-untyped-def]
    store.commit(KEY, files, RESULT)
    with store.filesystem.open_output_stream(f"{store.root}/steps/cd/cd{'1' * 62}/attempt/head.json") as stream:
        stream.write(b"half")
    found = find_waste(store, StoragePath.at(bucket) / "prefix", now=time.time() + 2 * DAY)
    assert {one.item is not None for one in found.waste} == {True, False}
    for one in found.waste:
        remove(store, one)
    assert s3.names(bucket.removeprefix("s3://")) == []


def test_a_bucket_that_there_is_not_is_one_clear_error(s3: object) -> None:
    with pytest.raises(AtlasError, match="cannot be written.*bucket"):
        Store.open("s3://no-such-bucket/store")


def test_a_server_that_wants_lengths_says_what_to_set(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REQUEST_CHECKSUM_CALCULATION")
    with pytest.raises(AtlasError, match="AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED"):
        Store.open(f"{bucket}/store")


def test_claims_in_a_bucket_keep_others_off_until_they_are_released(store: Store) -> None:
    first, second = StepLeases(store, "first"), StepLeases(store, "second")
    assert first.acquire(KEY)
    first.heartbeat()
    assert not second.acquire(KEY)
    assert not StepLeases(store, "third").is_available(KEY)
    first.release(KEY)
    assert second.acquire(KEY)
    second.release(KEY)
    assert [info.path for info in store.filesystem.get_file_info(store_files(store)) if KEY in info.path] == []


def store_files(store: Store) -> fs.FileSelector:
    return fs.FileSelector(store.root, recursive=True)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_server_that_refuses_this_user_is_not_waited_for(
    store: Store, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A store that waited would do so for half an hour, longer than any test may take."""
    store.commit(KEY, files, RESULT)
    monkeypatch.setenv(name, "not-the-right-one")
    refused = Store.at(store.uri)
    actions = (
        lambda: refused.find(KEY),
        lambda: refused.has([KEY]),
        lambda: refused.commit(KEY, files, RESULT),
        lambda: refused.fetch(KEY, tmp_path / "fetched"),
        lambda: Store.open(store.uri),
    )
    for action in actions:
        with pytest.raises(AccessDenied) as told:
            action()
        assert store.uri in str(told.value)
        assert "\n" not in str(told.value)


def test_a_bucket_that_does_not_exist_is_the_users(bucket: str) -> None:
    with pytest.raises(UserError, match="cannot be written: .*NO_SUCH_BUCKET"):
        Store.open(f"{bucket}-not/store")


def test_a_folder_that_refuses_this_user_is_told_with_its_address(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-one")
    place = StoragePath.at(f"{bucket}/folder")
    with pytest.raises(AccessDenied, match=f"{bucket}/folder cannot be read: "):
        place.download()
