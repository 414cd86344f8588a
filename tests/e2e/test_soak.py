"""What `benchmarks/soak.py` compares, on a sweep that nobody disturbed; it kills sweeps by hand, for an hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, environment
from tests.e2e.storages import copy_of, summaries

COMPARE = """
import sys
from pathlib import Path
from deviations import Deviations, check_tracking
from soak import results
quiet, other = map(Path, sys.argv[1:])
deviations = Deviations()
deviations.expect(results(other) == results(quiet), "an accuracy matrix differs")
check_tracking(other, len(results(quiet)) - 1, deviations)
sys.exit(len(deviations.found))
"""


def compared(quiet: Path, other: Path) -> subprocess.CompletedProcess[str]:
    """The script's own comparison of two storages."""
    shell = environment(PYTHONPATH=f"{ROOT / 'benchmarks'}:{ROOT}")
    command = [sys.executable, "-c", COMPARE, str(quiet), str(other)]
    return subprocess.run(command, capture_output=True, text=True, env=shell, timeout=120)


@pytest.mark.slow
def test_what_was_trained_anew_tracked_twice_or_scored_otherwise_is_a_deviation(quiet: Path, tmp_path: Path) -> None:
    same = compared(quiet, quiet)
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    other = copy_of(quiet, tmp_path / "other", "sweeps", "store")
    (tmp_path / "other" / "mlflow.db").write_bytes((quiet / "mlflow.db").read_bytes())
    (file,) = other.glob("sweeps/*/summary.json")
    (summary,) = summaries(other)
    summary["trials"][0]["R"]["test"]["latest"][1][0] += 1.0
    file.write_text(json.dumps(summary))
    stray = next(other.glob("store/steps/*/*"))
    stray.rename(stray.with_name(stray.name[::-1]))
    told = compared(quiet, other)
    assert told.returncode == 2, told.stderr
    assert "DEVIATION: an accuracy matrix differs" in told.stdout
    assert "DEVIATION: steps without a run" in told.stdout


def test_its_help_says_what_it_kills_and_what_it_costs() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--minutes" in done.stdout
    assert "SIGKILL" in done.stdout
