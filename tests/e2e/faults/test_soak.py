"""The soak, short: `benchmarks/soak.py` for half a minute; by hand it takes an hour."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, SMALL, environment
from tests.losses import Losses

pytestmark = pytest.mark.slow
MINUTES = 0.5  # the last sweep under kills is left to its end after that
ROUND = r": (\d+) s, \d+ runs, (\d+) kills; (\d+) steps learnt, (-?\d+) begun and lost"


def test_sweeps_under_random_kills_end_as_the_quiet_one(quiet: Path, tmp_path: Path, losses: Losses) -> None:
    script = (sys.executable, str(ROOT / "benchmarks" / "soak.py"), "--storage", str(tmp_path / "soak"))
    script += ("--quiet", str(quiet))
    often = (
        "--minutes",
        str(MINUTES),
        "--seed",
        "0",
        "--every",
        "4",
        "12",
        "--sweep",
        " ".join((*SMALL, "--fleets", "1")),
    )
    done = subprocess.run(
        [*script, *often],
        capture_output=True,
        text=True,
        timeout=1500,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical to the quiet run" in done.stdout
    (undisturbed,) = map(int, re.findall(r"quiet sweep: (\d+) s", done.stdout))
    rounds = [tuple(map(int, found)) for found in re.findall(ROUND, done.stdout)]
    seconds, kills, kept, lost = map(sum, zip(*rounds, strict=True))
    more = {f"more_than_the_quiet_sweep,_over_{kills}_kills": float(seconds - len(rounds) * undisturbed)}
    assert kills
    losses.note("all of it, at random", begun=kept + lost, lost=lost, **more)
