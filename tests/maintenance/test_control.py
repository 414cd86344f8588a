"""The command `atlas control`, as far as it needs no sweep that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.cli import main
from atlas.config.options import Options
from atlas.maintenance.control import find_running
from atlas.storage.filesystem import StoragePath
from atlas.sweep.folder import SweepFolder
from tests.sweep.parts import refuse_access


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_time_to_wait_that_would_never_end_is_refused(
    seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["control", "latest", "pause", "--wait", seconds, "--storage", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"atlas: --wait is {seconds}; give a number of seconds, 0 or more.\n"


def test_another_users_sweep_that_may_not_be_read_is_not_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, theirs = (SweepFolder.new(tmp_path, "order", Options()) for _ in range(2))
    refuse_access(monkeypatch, theirs.path)
    assert find_running(StoragePath.at(tmp_path), "latest") == own
