"""Parallel workers: what belongs together runs on one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = """
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(4))
def test_notes_its_worker(number: int) -> None:
    with open({notes!r}, "a") as notes:
        print({file!r}, os.environ["PYTEST_XDIST_WORKER"], file=notes)
"""
FILES = ("test_one.py", "test_other.py", "clusters/test_local.py", "clusters/test_slurm.py")


def test_a_file_runs_on_one_worker_and_so_do_all_cluster_scripts(tmp_path: Path) -> None:
    """In a parallel run of its own, over tests that note their worker."""
    notes = tmp_path / "notes"
    for file in FILES:
        path = tmp_path / "tests" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE.format(notes=str(notes), file=file))
    run = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n", "2"]
    done = subprocess.run(
        [*run, "--dist", "loadgroup", "--rootdir", str(tmp_path), "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[str]] = defaultdict(list)
    for line in notes.read_text().splitlines():
        file, worker = line.split()
        found[file].append(worker)
    assert {file: (len(workers), len(set(workers))) for file, workers in found.items()} == dict.fromkeys(FILES, (4, 1))
    assert {*found[FILES[2]]} == {*found[FILES[3]]}
