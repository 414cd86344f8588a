from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones import locate
from atlas.data.depot import address_of, find, obtain
from atlas.data.processor import Processor
from atlas.place import Place
from atlas.tasks import TASKS


def refuse(split: str, source: Path | None) -> None:
    raise AssertionError("the task was read again")


def test_prepared_once_for_all_machines(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processor, place = Processor.load(locate("vilt-tiny")), Place.at(bucket) / "data"
    task = TASKS["digits"]
    assert find(task, processor=processor, place=place) is None
    made = obtain(task, processor=processor, place=place)
    assert address_of(made, place) == f"{bucket}/data/digits/{made.path.name}"
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "another machine"))
    elsewhere = Place.at(bucket) / "data"
    assert elsewhere.local != place.local
    again = obtain(replace(task, read=refuse), processor=processor, place=elsewhere)
    assert again.path.is_relative_to(tmp_path / "another machine")
    assert again.fingerprint == made.fingerprint
    again.verify()
    assert Place.at(address_of(made, elsewhere)).pull() == again.path


def test_a_local_storage_is_used_as_it_is(tmp_path: Path) -> None:
    processor, place = Processor.load(locate("vilt-tiny")), Place.at(tmp_path)
    made = obtain(TASKS["piqa-twin"], processor=processor, place=place)
    assert address_of(made, place) == str(made.path)
    assert find(TASKS["piqa-twin"], processor=processor, place=place) == made
