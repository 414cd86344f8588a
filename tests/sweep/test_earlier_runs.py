from __future__ import annotations

import errno
from pathlib import Path

import pytest

from atlas.config.options import Options
from atlas.runtime.errors import AccessDenied, StorageUnavailable
from atlas.sweep.earlier_runs import RUNS, begin_run
from atlas.sweep.folder import SweepFolder


def test_each_run_of_a_sweep_knows_those_before_it(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    assert begin_run(folder, "first") == frozenset()
    assert begin_run(folder, "second") == {"first"}
    assert begin_run(folder, "third") == {"first", "second"}


def test_a_note_that_the_disk_has_no_room_for_leaves_the_one_before_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = SweepFolder.new(tmp_path, "order", Options())
    begin_run(folder, "first")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageUnavailable, match="cannot be written: No space left on device; free some room there"):
        begin_run(folder, "second")
    assert (folder.path / RUNS).read_text() == "first\n"


def test_a_note_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    folder = SweepFolder.new(tmp_path, "order", Options())
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(AccessDenied, match="runs.txt cannot be read: Permission denied"):
        begin_run(folder, "first")
