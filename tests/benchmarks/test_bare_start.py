"""The bare start: a worker of plain Ray Train notes when it could begin a step."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.bare_start import printed, ready


def test_a_worker_that_could_begin_a_step_notes_the_time(tmp_path: Path) -> None:
    before = time.time()
    ready({"file": str(tmp_path / "ready-0")})
    assert before <= float((tmp_path / "ready-0").read_text()) <= time.time()


def test_the_times_are_told_from_the_start_of_the_process(tmp_path: Path) -> None:
    for number, at in enumerate((103.5, 102.25)):
        (tmp_path / f"ready-{number}").write_text(str(at))
    lines = printed(tmp_path, began=100.0, ended=110.0).splitlines()[1:]
    assert [line.split(" s ")[0].strip() for line in lines] == ["2.2", "3.5", "10.0"]
