from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.data.cache import find, obtain, prepared_address, prepared_at, survey
from atlas.storage.filesystem import StoragePath, open_filesystem
from atlas.tasks import TASKS


def refuse(split: str, source: Path | None) -> None:
    raise AssertionError("the task was read again")


def test_prepared_once_for_all_machines(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processor, place = Processor.load(locate("vilt-tiny")), StoragePath.at(bucket) / "data"
    task = TASKS["digits"]
    assert find(task, processor=processor, place=place) is None
    made = obtain(task, processor=processor, place=place)
    assert prepared_address(made, place) == f"{bucket}/data/digits/{made.path.name}"
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "another machine"))
    elsewhere = StoragePath.at(bucket) / "data"
    assert elsewhere.local != place.local
    seen = survey(task, processor=processor, place=elsewhere)
    assert seen is not None
    assert (seen.fingerprint, prepared_address(seen, elsewhere)) == (made.fingerprint, prepared_address(made, place))
    assert list(elsewhere.local.rglob("*.arrow")) == []
    again = obtain(replace(task, read=refuse), processor=processor, place=elsewhere)
    assert again.path.is_relative_to(tmp_path / "another machine")
    assert again.fingerprint == made.fingerprint
    again.verify()
    assert StoragePath.at(prepared_address(made, elsewhere)).download() == again.path


def test_a_folder_that_lacks_a_file_in_the_object_store_is_not_whole(bucket: str) -> None:
    processor, place = Processor.load(locate("vilt-tiny")), StoragePath.at(bucket) / "data"
    made = obtain(TASKS["piqa-twin"], processor=processor, place=place)
    there = StoragePath.at(prepared_address(made, place))
    assert prepared_at(there) == made
    filesystem, path = open_filesystem(str(there))
    filesystem.delete_file(f"{path}/val.arrow")
    assert prepared_at(there) is None
    assert survey(TASKS["piqa-twin"], processor=processor, place=place) is None


def test_a_local_storage_is_used_as_it_is(tmp_path: Path) -> None:
    processor, place = Processor.load(locate("vilt-tiny")), StoragePath.at(tmp_path)
    made = obtain(TASKS["piqa-twin"], processor=processor, place=place)
    assert prepared_address(made, place) == str(made.path)
    for look in (find, survey):
        assert look(TASKS["piqa-twin"], processor=processor, place=place) == made
