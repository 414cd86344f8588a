"""Costs of faults that tests have noted, read back and written into the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.losses import COLUMN, ROOT, Loss, Table, noted, told
from tests.losses import Losses

DOCUMENT = f"""# Faults

| fault | what is lost | {COLUMN} | test |
|---|---|---|---|
| one thing | nothing | – | `a.py` |
| another | that step | 9 of 9 steps | `b.py` |

| fault in the text, not a row | | | |
"""

NOTING = """
from pathlib import Path
from tests.losses import Losses

def test_one(record_property):
    noting = Losses(record_property, Path())
    noting.note("driver killed", begun=11, lost=1, learnt_in_vain=0.25, without_any_learning=9)
    noting.note("slow fleet", begun=2, lost=2, for_good=1)
    record_property("other", "noise")

def test_two(record_property):
    Losses(record_property, Path()).note("driver killed", begun=0, lost=0)

def test_three(record_property):
    Losses(record_property, Path()).note("driver killed", begun=99, lost=99)
    raise AssertionError
"""


def test_a_row_is_written_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "faults.md"
    path.write_text(DOCUMENT)
    table = Table(path)
    assert list(table.faults) == ["one thing", "another"]
    table.write({"one thing": "0 steps", "no row": "1 of 2 steps"})
    assert path.read_text() == DOCUMENT.replace("nothing | – |", "nothing | 0 steps |")


def test_what_tests_note_that_pass_is_read_from_their_results_and_told_fault_by_fault(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(NOTING)
    results = tmp_path / "results.xml"
    run = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junitxml={results}", str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert "1 failed, 2 passed" in done.stdout
    losses = noted(results)
    assert losses[0] == Loss("driver killed", 11, 1, 0, {"learnt in vain": 0.2, "without any learning": 9})
    assert told(losses) == {
        "driver killed": "1 of 11 steps; 0.2 s learnt in vain; 9.0 s without any learning / 0 steps",
        "slow fleet": "2 of 2 steps, 1 for good",
    }


def test_a_fault_that_is_no_row_of_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"'meteorite' is no row of docs/faults\.md"):
        Losses(lambda name, value: None, tmp_path).note("meteorite", begun=0, lost=0)


def test_every_fault_of_a_test_is_charged_with_its_own_steps_and_seconds(tmp_path: Path) -> None:
    found: list[str] = []
    noting = Losses(lambda name, value: found.append(str(value)), tmp_path)
    logs = tmp_path / "logs"
    noting.look_in(logs)
    for name in ("fleet worker killed", "driver killed"):
        with noting.fault(name):
            pass
    noting.resumed()
    first, second = noting.faults
    write_log(logs, "a", f"{first.at - 3} training x", f"{first.at - 2} trained x", f"{first.at - 1} training y")
    write_log(logs, "b", f"{second.since + 8} training y", f"{second.since + 9} trained y")
    for key in ("x", "y"):
        (tmp_path / "store" / "steps" / "00" / key).mkdir(parents=True)
        (tmp_path / "store" / "steps" / "00" / key / "commit.json").touch()
    noting.count()
    assert '"lost": 1' in found[0]
    assert '"learnt in vain": 1.0' in found[0]
    assert '"lost": 0' in found[1]
    assert '"from resuming to the first step": 8.0' in found[1]


def write_log(folder: Path, worker: str, *lines: str) -> None:
    path = folder / "ray" / "session_2026" / "logs" / f"worker-{worker}.out"
    path.parent.mkdir(parents=True, exist_ok=True)
    moments = (line.partition(" ") for line in lines)
    path.write_text("".join(f"{at} atlas {said}\n" for at, _, said in moments))
