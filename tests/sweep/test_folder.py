from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from atlas.config.options import Options
from atlas.learners import find_learner
from atlas.runtime.errors import AccessDenied, AtlasError, StorageUnavailable, UserError
from atlas.storage.filesystem import StoragePath
from atlas.sweep.folder import SweepFolder
from atlas.sweep.spending import Spending
from atlas.tracking import SweepFinished
from atlas.tracking.spool import Spool
from tests.report.conftest import invented_summary
from tests.sweep.parts import refuse_access

OWN = Path(__file__).parents[2] / "docs" / "own_learner.py"


def end(folder: SweepFolder, status: str) -> None:
    document = invented_summary(0)
    folder.summary.write_text(json.dumps({**document, "sweep": {**document["sweep"], "status": status}}))


def test_the_options_come_back(tmp_path: Path) -> None:
    options = Options.of(
        tasks=("digits", "easy-ve"), seeds=(1, 2), evaluate=(3, 4), epochs=0.5, resume="x", sharing=False
    )
    folder = SweepFolder.new(tmp_path, "order", options)
    assert folder.path.parent == tmp_path / "sweeps"
    assert folder.id.startswith("order-")
    assert folder.options() == options


def test_two_sweeps_of_one_moment_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({SweepFolder.new(tmp_path, "order", Options()).id for _ in range(5)}) == 5


def test_the_latest_interrupted_sweep_of_that_name_is_found(tmp_path: Path) -> None:
    folders = [SweepFolder.new(tmp_path, "order", Options()) for _ in range(3)]
    other = SweepFolder.new(tmp_path, "adapter", Options())
    for age, folder in enumerate([folders[1], folders[0], folders[2], other]):
        os.utime(folder.path / "options.json", (1000 + age, 1000 + age))
    end(folders[2], "FINISHED")
    assert SweepFolder.unfinished(tmp_path, "order", "latest") == folders[0]
    assert SweepFolder.unfinished(tmp_path, "order", folders[1].id) == folders[1]


@pytest.mark.parametrize("status", ["KILLED", "FAILED"])
def test_a_sweep_that_did_not_end_well_may_go_on(tmp_path: Path, status: str) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    end(folder, status)
    assert SweepFolder.unfinished(tmp_path, "order", "latest") == folder


def test_a_damaged_summary_keeps_no_sweep_from_being_resumed(tmp_path: Path) -> None:
    damaged, other = (SweepFolder.new(tmp_path, "order", Options()) for _ in range(2))
    damaged.summary.write_text('{"sweep":')
    assert SweepFolder.unfinished(tmp_path, "order", other.id) == other
    assert SweepFolder.unfinished(tmp_path, "order", damaged.id) == damaged


def test_another_users_sweep_that_may_not_be_read_keeps_no_other_from_being_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, own = (SweepFolder.new(tmp_path, "order", Options()) for _ in range(2))
    end(theirs, "FINISHED")
    refuse_access(monkeypatch, theirs.path)
    assert SweepFolder.unfinished(tmp_path, "order", "latest") == own
    assert own.alike("order") == []
    with pytest.raises(UserError, match="unknown interrupted sweep"):
        SweepFolder.unfinished(tmp_path, "order", theirs.id)


def test_a_storage_that_is_out_of_reach_is_not_one_without_sweeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_: Path, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    SweepFolder.new(tmp_path, "order", Options())
    monkeypatch.setattr(Path, "is_file", stale)
    with pytest.raises(StorageUnavailable, match="cannot be read: Stale file handle"):
        SweepFolder.unfinished(tmp_path, "order", "latest")


def test_a_sweep_that_has_ended_is_not_resumed(tmp_path: Path) -> None:
    ended, running = (SweepFolder.new(tmp_path, "order", Options()) for _ in range(2))
    end(ended, "FINISHED")
    with pytest.raises(AtlasError, match=f"the sweep {ended.id} has ended; start it again without --resume"):
        SweepFolder.unfinished(tmp_path, "order", ended.id)
    end(running, "FINISHED")
    with pytest.raises(AtlasError, match="no interrupted sweep 'order' under"):
        SweepFolder.unfinished(tmp_path, "order", "latest")


def test_a_sweep_whose_runs_mlflow_does_not_have_yet_may_go_on(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    end(folder, "FINISHED")
    assert folder.is_finished()
    spool = Spool(folder.spool)
    spool.append(SweepFinished(sweep="x", status="FINISHED"))
    assert SweepFolder.unfinished(tmp_path, "order", "latest") == folder
    waiting = spool.peek()
    assert waiting is not None
    spool.acknowledge(waiting[1])
    spool.close()
    assert folder.is_finished()


def test_an_unknown_sweep_names_the_nearest(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    with pytest.raises(AtlasError, match=f"Did you mean '{folder.id}'"):
        SweepFolder.unfinished(tmp_path, "order", folder.id[:-1])
    with pytest.raises(AtlasError, match="no interrupted sweep 'adapter'"):
        SweepFolder.unfinished(tmp_path, "adapter", "latest")


def test_a_sweep_whose_name_begins_alike_is_another(tmp_path: Path) -> None:
    SweepFolder.new(tmp_path, "order-of-tasks", Options())
    SweepFolder.new(tmp_path, "order-20260101-000000-abcd", Options())
    with pytest.raises(AtlasError, match="no interrupted sweep 'order'"):
        SweepFolder.unfinished(tmp_path, "order", "latest")


@pytest.mark.parametrize("name", ["a/b", "../up", "/abs", "50 %?", "a#b", "läuft [gut]", "x'y\"z", "..", "a=b,c", "?"])
def test_a_sweep_may_have_any_name_its_folder_has_a_safe_one(tmp_path: Path, name: str) -> None:
    folder = SweepFolder.new(tmp_path / "storage", name, Options())
    assert folder.path.parent == tmp_path / "storage" / "sweeps"
    assert not set(folder.id) & set("/\\'\"%?#=, []")
    assert SweepFolder.unfinished(tmp_path / "storage", name, "latest") == folder
    assert SweepFolder.unfinished(tmp_path / "storage", name, folder.id) == folder


def test_sweeps_whose_names_differ_in_a_sign_are_two(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "a/b", Options())
    SweepFolder.new(tmp_path, "a?b", Options())
    assert SweepFolder.unfinished(tmp_path, "a/b", "latest") == folder
    with pytest.raises(AtlasError, match="no interrupted sweep 'a-b'"):
        SweepFolder.unfinished(tmp_path, "a-b", "latest")


def test_a_moved_storage_remembers_no_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    storage = tmp_path / "st"
    for name in ("backbones/b", "raw", "elsewhere"):
        (storage / name).mkdir(parents=True)
    shutil.copy(OWN, storage / "mine.py")
    learner = find_learner(f"{storage}/mine.py:SpringAdapter").name
    monkeypatch.chdir(tmp_path)
    given = Options.of(
        storage="st",
        backbone="st/backbones/b",
        source=("vqa=./st/raw", "nlvr2=elsewhere"),
        learner=learner,
        tracking_uri=f"sqlite:///{storage}/mlflow.db",
    )
    folder = SweepFolder.new(given.storage.path, "order", given)
    kept = (folder.path / "options.json").read_text()
    assert str(storage) not in kept
    shutil.move(storage, tmp_path / "moved")
    monkeypatch.chdir("/")
    moved = tmp_path / "moved"
    found = SweepFolder.unfinished(moved, "order", "latest").options()
    assert found == given.changed(
        storage=str(moved),
        backbone=f"{moved}/backbones/b",
        source=(f"vqa={moved}/raw", f"nlvr2={tmp_path}/elsewhere"),
        learner=f"{moved}/mine.py:SpringAdapter",
        tracking_uri=f"sqlite:///{moved}/mlflow.db",
    )


def test_a_place_whose_name_begins_like_the_storages_is_another(tmp_path: Path) -> None:
    given = Options.of(
        backbone=f"{tmp_path}/st-2/b", tracking_uri=f"jsonl:{tmp_path}/st/lines", storage=f"{tmp_path}/st"
    )
    folder = SweepFolder.new(tmp_path / "st", "order", given)
    assert json.loads((folder.path / "options.json").read_text())["training"]["backbone"] == f"{tmp_path}/st-2/b"
    assert folder.options() == given


def test_options_of_an_earlier_version_keep_the_places_that_they_name(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    (folder.path / "options.json").write_text(json.dumps({"schema": 2, "training": {"backbone": "/somewhere/b"}}))
    assert folder.options().training.backbone == "/somewhere/b"
    assert folder.definition() is None


def test_options_that_change_while_the_sweep_runs_leave_the_upload_to_its_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    uploads: list[StoragePath] = []
    monkeypatch.setattr(StoragePath, "upload", lambda place: uploads.append(place))
    folder.write_options(Options.of(budget="20steps"))
    assert (folder.options().run.budget, uploads) == ("20steps", [])


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, AccessDenied), (errno.EIO, StorageUnavailable)])
def test_a_folder_that_cannot_be_made_is_one_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[AtlasError]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind, match=f"cannot be written: {os.strerror(number)}; free some room there, or give a"):
        SweepFolder.new(tmp_path, "order", Options())


def test_a_record_in_it_that_cannot_be_written_is_one_too(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    folder.path.rename(tmp_path / "moved")
    with pytest.raises(AtlasError, match="spent.json cannot be written: No such file or directory"):
        folder.write_spending(Spending(steps=3))
