"""Question: what does each fault of docs/faults.md cost, in steps begun and lost and in seconds?

Command: python benchmarks/losses.py [--write] [--results FILE …] [-k EXPRESSION and whatever else pytest takes]
Cost: about twenty minutes on two quiet cores; `-k driver` and the like take a part of the rows.

It runs the tests that cause the faults (those that note what they cost), prints the table, and writes it into
docs/faults.md with --write; rows that were not measured, or whose test failed, stay as they are. The exit code is
pytest's. With --results it runs nothing and reads what `pytest --junitxml FILE` has written, in CI say.

A step is lost where it was begun and not kept: "learnt in vain" is how long it had been learnt for, "without any
learning" the longest time after the fault in which no fleet was at a step. Steps of these sweeps take seconds; one of
a day loses what it learnt since its last waypoint (`--checkpoint-every`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "faults.md"
COLUMN = "measured: steps begun and lost, seconds"
PROPERTY = "loss"  # by which a test's result tells of a fault


@dataclass(frozen=True)
class Loss:
    """The cost of a fault in one test: steps lost of those that the test's sweep began, and seconds by their purpose.

    `for_good` are the steps, each counted once, that were not trained later either.
    """

    fault: str
    begun: int
    lost: int
    for_good: int
    seconds: dict[str, float]

    def __str__(self) -> str:
        steps = f"{self.lost} of {self.begun} steps" if self.begun else "0 steps"
        steps += f", {self.for_good} for good" if self.for_good else ""
        return "; ".join([steps, *(f"{value:.1f} s {what}" for what, value in self.seconds.items())])


class Table:
    """The table of faults in a document."""

    def __init__(self, document: Path = DOCUMENT) -> None:
        self.document = document
        self.lines = document.read_text().split("\n")
        self.first = next(number for number, line in enumerate(self.lines) if line.startswith("| fault |"))

    @property
    def faults(self) -> dict[str, int]:
        """Fault → number of its line."""
        found = {}
        for number, line in enumerate(self.lines[self.first + 2 :], start=self.first + 2):
            if not line.startswith("|"):
                break
            found[_cells(line)[0]] = number
        return found

    def write(self, measured: dict[str, str]) -> None:
        """Put what was measured into its column."""
        column = _cells(self.lines[self.first]).index(COLUMN)
        for fault, number in self.faults.items():
            if fault in measured:
                cells = _cells(self.lines[number])
                cells[column] = measured[fault]
                self.lines[number] = f"| {' | '.join(cells)} |"
        self.document.write_text("\n".join(self.lines))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def measure(arguments: Sequence[str]) -> tuple[list[Loss], int]:
    """Run the tests; gives what they noted, and pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="atlas-losses-") as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-m", "loss", f"--junitxml={results}", *arguments]
        done = subprocess.run(command, cwd=ROOT)
        return (noted(results) if results.exists() else []), done.returncode


def noted(results: Path) -> list[Loss]:
    """The losses that passed tests have noted, read from a file of pytest's results."""
    cases = [case for case in ElementTree.parse(results).iter("testcase") if _passed(case)]
    properties = [one.attrib for case in cases for one in case.iter("property")]
    values: list[dict[str, Any]] = [json.loads(one["value"]) for one in properties if one["name"] == PROPERTY]
    return [Loss(**value) for value in values]


def _passed(case: ElementTree.Element) -> bool:
    return case.find("failure") is None and case.find("error") is None


def told(losses: Sequence[Loss]) -> dict[str, str]:
    """Fault → what it cost, in each of the tests that noted it."""
    names = dict.fromkeys(loss.fault for loss in losses)
    return {name: " / ".join(str(loss) for loss in losses if loss.fault == name) for name in names}


def main() -> None:
    """Measure, print and, where asked, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", nargs="+", type=Path, help="read these files of pytest's results; run nothing")
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/faults.md")
    given, arguments = parser.parse_known_args()
    if missing := [str(file) for file in given.results or () if not file.is_file()]:
        parser.error(f"--results: no such file: {', '.join(missing)}; pytest writes one with --junitxml FILE")
    if given.results:
        losses, code = [loss for file in given.results for loss in noted(file)], 0
    else:
        losses, code = measure(arguments)
    table, measured = Table(), told(losses)
    print(f"\n| fault | {COLUMN} |\n|---|---|")
    for fault in table.faults:
        print(f"| {fault} | {measured.get(fault, '–')} |")
    if given.write:
        table.write(measured)
    sys.exit(code)


if __name__ == "__main__":
    main()
