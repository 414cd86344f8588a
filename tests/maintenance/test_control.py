"""The command `atlas control`, as far as it needs no sweep that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.cli import main


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_time_to_wait_that_would_never_end_is_refused(
    seconds: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["control", "latest", "pause", "--wait", seconds, "--storage", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"atlas: --wait is {seconds}; give a number of seconds, 0 or more.\n"
