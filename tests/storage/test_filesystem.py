from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import StoragePath, write_whole


def at(place: StoragePath, cache: Path, monkeypatch: pytest.MonkeyPatch) -> StoragePath:
    """The same place as another machine sees it, whose copies are under `cache`."""
    monkeypatch.setenv("ATLAS_CACHE", str(cache))
    return StoragePath.at(str(place))


def test_a_local_place_is_its_folder(tmp_path: Path) -> None:
    place = StoragePath.at(tmp_path) / "inner"
    assert (place.local, place.name, str(place)) == (tmp_path / "inner", "inner", str(tmp_path / "inner"))
    assert place.download() == tmp_path / "inner"
    place.upload()
    assert place.for_ray == {"storage_path": str(tmp_path / "inner")}
    assert StoragePath.at(tmp_path).folders() == []


def test_options_of_an_address_stay_at_its_end() -> None:
    place = StoragePath.at("s3://bucket/prefix/?region=eu-west-1") / "store"
    assert str(place) == "s3://bucket/prefix/store?region=eu-west-1"
    assert place.name == "store"
    assert place.local.parts[-4:] == ("s3", "bucket", "prefix", "store")


@pytest.mark.parametrize("address", ["ftp://host/x", "s3://", "s3:///", "s3://bucket/../other"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(AtlasError):
        StoragePath.at(address)


def test_what_one_machine_pushes_another_pulls_once(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = StoragePath.at(bucket) / "data"
    (here.local / "inner").mkdir(parents=True)
    (here.local / "inner" / "big.arrow").write_bytes(bytes(1000))
    (here.local / "card.json").write_text("{}")
    (here.local / ".lock").write_text("")
    here.upload(last="card.json")
    there = at(here, tmp_path / "other", monkeypatch)
    assert there.folders() == ["inner"]
    assert there.has("card.json")
    assert not there.has(".lock")
    assert (there.download(only=("card.json",)) / "card.json").read_text() == "{}"
    assert not (there.local / "inner").exists()
    assert (there.download() / "inner" / "big.arrow").read_bytes() == bytes(1000)
    before = (there.local / "inner" / "big.arrow").stat()
    there.download()
    assert (there.local / "inner" / "big.arrow").stat().st_ino == before.st_ino


def test_a_file_that_grew_goes_again_and_is_not_overwritten_by_the_older_one(bucket: str) -> None:
    place = StoragePath.at(bucket) / "spool"
    place.local.mkdir(parents=True)
    (place.local / "events.jsonl").write_text("one\n")
    place.upload()
    (place.local / "events.jsonl").write_text("one\ntwo\n")
    place.download()
    assert (place.local / "events.jsonl").read_text() == "one\ntwo\n"
    place.upload()
    os.remove(place.local / "events.jsonl")
    assert (place.download() / "events.jsonl").read_text() == "one\ntwo\n"


def test_a_bucket_that_there_is_not_is_named(s3: object) -> None:
    place = StoragePath.at("s3://no-such-bucket/prefix")
    place.local.mkdir(parents=True)
    (place.local / "file").write_text("x")
    with pytest.raises(AtlasError, match="no-such-bucket/prefix cannot be"):
        place.upload()


def test_a_write_that_fails_leaves_what_was_there_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.json"
    write_whole(path, b"before")

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


SIGNS = ("a b", "a#b", "a%41", "a?b", "100%", "ünï", "it's", 'a"b', "a=b,c", "a;b&c", "[red]x", "?", "a?b=c")


@pytest.mark.parametrize("name", SIGNS)
def test_a_folder_of_this_machine_may_have_any_sign_in_its_path(tmp_path: Path, name: str) -> None:
    place = StoragePath.at(tmp_path / name)
    inner = place / "sweeps" / "one"
    assert (inner.local, inner.name, inner.is_remote) == (tmp_path / name / "sweeps" / "one", "one", False)
    assert place.name == name
    inner.local.mkdir(parents=True)
    write_whole(inner.local / "file", b"x")
    assert (place / "sweeps").folders() == ["one"]
    assert inner.has("file")
    assert inner.sizes() == {"file": 1}
    assert StoragePath.at(str(inner)) == inner


@pytest.mark.parametrize("name", SIGNS)
def test_a_file_address_is_the_path_that_it_quotes(tmp_path: Path, name: str) -> None:
    assert StoragePath.at((tmp_path / name).as_uri()) == StoragePath.at(tmp_path / name)
