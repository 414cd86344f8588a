from __future__ import annotations

import json
from pathlib import Path

import pytest

import atlas
from atlas.sweep.folder import SweepFolder
from tests.report.conftest import invented_summary
from tests.sweep.parts import refuse_access

FIRST, SECOND, OTHER = "order-20260101-000000-aaaa", "order-20260102-000000-bbbb", "adapter-20260103-000000-cccc"


def write(storage: Path, sweep: str, status: str = "FINISHED") -> Path:
    document = invented_summary(2)
    path = storage / "sweeps" / sweep / "summary.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**document, "sweep": {**document["sweep"], "id": sweep, "status": status}}))
    return path


@pytest.fixture
def filled(storage: Path) -> Path:
    """The storage of the environment, with three sweeps that ended, the latest of them of another name."""
    for sweep in (SECOND, OTHER, FIRST):
        write(storage, sweep)
    return storage


def test_sweeps_are_listed_by_their_start(filled: Path) -> None:
    found = atlas.sweeps()
    assert [one.id for one in found] == [FIRST, SECOND, OTHER]
    assert [one.name for one in found] == ["order", "order", "adapter"]
    assert {one.status for one in found} == {"FINISHED"}
    assert found[0].started == "2026-01-01T00:00:00"


def test_one_that_runs_and_one_that_cannot_be_read_are_told_apart(filled: Path) -> None:
    running = SweepFolder.new(filled, "order", atlas.Options())
    (filled / "sweeps" / FIRST / "summary.json").write_text("{")
    found = {one.id: one for one in atlas.sweeps(filled)}
    assert found[running.id].status == "UNFINISHED"
    assert found[FIRST].status == "UNREADABLE"
    assert "is not a readable summary" in found[FIRST].problem
    with pytest.raises(atlas.UserError, match=rf"{running.id} has not ended: .* --resume {running.id}"):
        atlas.open(running.id)
    with pytest.raises(atlas.UserError, match="is not a readable summary"):
        atlas.open(FIRST)
    assert atlas.open("order").id == SECOND  # the latest that has ended


def test_another_users_sweep_that_may_not_be_read_is_left_out(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_access(monkeypatch, filled / "sweeps" / SECOND)
    assert [one.id for one in atlas.sweeps()] == [FIRST, OTHER]
    assert atlas.open("order").id == FIRST


def test_one_is_opened_by_id_name_folder_file_and_storage(filled: Path, tmp_path: Path) -> None:
    folder = filled / "sweeps" / FIRST
    for given in (FIRST, folder, str(folder), folder / "summary.json"):
        found = atlas.open(given)
        assert found.id == FIRST
        assert str(found.storage) == str(filled)
        assert found.page == folder / "report.html"
    assert atlas.open("order").id == SECOND
    assert atlas.open().id == atlas.open(filled).id == OTHER
    assert atlas.open(FIRST, storage=str(filled)).id == FIRST


def test_what_is_not_there_is_answered_in_one_line(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(atlas.UserError, match=f"Did you mean {FIRST!r}") as refused:
        atlas.open("order-20260101-000000-aaa")
    assert "\n" not in str(refused.value)
    with pytest.raises(atlas.UserError, match=r"has no sweep; run one there"):
        atlas.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert atlas.sweeps(tmp_path / "none") == []
    (tmp_path / "file").touch()
    with pytest.raises(atlas.UserError, match="is a file; name the folder of a storage"):
        atlas.sweeps(tmp_path / "file")


def test_a_bucket_is_read_like_a_folder(bucket: str, tmp_path: Path) -> None:
    from atlas.storage.filesystem import StoragePath

    path = write(tmp_path / "made", FIRST)
    place = StoragePath.at(bucket) / "sweeps" / FIRST
    place.local.mkdir(parents=True)
    (place.local / "summary.json").write_text(path.read_text())
    place.upload()
    assert [one.id for one in atlas.sweeps(bucket)] == [FIRST]
    assert atlas.open(bucket).id == atlas.open(FIRST, storage=bucket).id == FIRST
