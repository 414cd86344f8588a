from __future__ import annotations

from pathlib import Path

from atlas.config.options import Options
from atlas.sweep.earlier_runs import begin_run
from atlas.sweep.folder import SweepFolder


def test_each_run_of_a_sweep_knows_those_before_it(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "order", Options())
    assert begin_run(folder, "first") == frozenset()
    assert begin_run(folder, "second") == {"first"}
    assert begin_run(folder, "third") == {"first", "second"}
