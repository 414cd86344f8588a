"""Where does the time of a small sweep go, from its command to the next prompt?

    python -m benchmarks.timeline          the smoke run of sweeps/task_order.py, its data prepared beforehand
    python -m benchmarks.timeline --storage FOLDER     there, where it may find steps that are trained already
    python -m benchmarks.timeline --seeds 0    the default sweep: with options of the sweep's own it is no smoke run

Printed: seconds since the process was started, of each event, from what the sweep leaves behind: its output, the names
and lines of Ray's logs, the tracking journal, its files, the model's version in MLflow; for how much of that time its
fleets were in steps, and where the rest went. Nothing in the sweep is changed for it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from atlas.report.summary import TrainedStep, read_summary
from atlas.runtime.text import counted
from benchmarks.learning import learnings

SWEEP = Path(__file__).resolve().parents[1] / "sweeps" / "task_order.py"
SESSION = re.compile(r"session_(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6})_\d+$")
ASCTIME = re.compile(r'"asctime": "([0-9-]+ [0-9:]+,\d{3})"')
PRINTED = {"Plan of the sweep": "the plan is printed", "Leaderboard": "the results are printed"}
RECORDED = {
    "sweep_started": "the driver begins",
    "trial_started": "the first trial begins",
    "sweep_finished": "the sweep's end is recorded",
}
LOGS = {"sys-controller": "the fleet's controller runs", "app-worker": "the fleet's worker runs"}


@dataclass(frozen=True, kw_only=True, order=True)
class Mark:
    """An event at `at`, in seconds since 1970."""

    at: float
    what: str


def main() -> None:
    """Run the sweep and print its time line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", type=Path, help="default: a new one, which goes afterwards")
    given, options = parser.parse_known_args()
    options = options or ["--smoke"]
    with tempfile.TemporaryDirectory(prefix="atlas-timeline-") as folder:
        storage = given.storage or Path(folder)
        logs = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # short: Ray's sockets have a limit of 107 characters
        run(*options, "--dry-run", storage=storage, logs=logs)
        try:
            marks = run(*options, storage=storage, logs=logs)
            marks += [*logged(logs), *recorded(storage), *registered(storage)]
        finally:
            shutil.rmtree(logs, ignore_errors=True)
        print_timeline(marks)
        print(busy(trained_steps(storage), begin=min(marks).at, end=max(marks).at))


def busy(steps: Sequence[TrainedStep], *, begin: float, end: float) -> str:
    """For how much of the time fleets were in these steps, and where the rest went; from `begin` to `end`."""
    if not steps:
        return "no step was trained"
    fleets: dict[str, list[TrainedStep]] = {}
    for step in sorted(steps, key=lambda step: step.began):
        fleets.setdefault(step.fleet, []).append(step)
    first, last = min(step.began for step in steps), max(step.ended for step in steps)
    within = sum(step.ended - step.began for step in steps) / len(fleets)
    waited = sum(later.began - sooner.ended for own in fleets.values() for sooner, later in pairwise(own))
    idle = sum(own[0].began - first + last - own[-1].ended for own in fleets.values()) / len(fleets)
    return (
        f"{counted(len(fleets), 'fleet')} in {counted(len(steps), 'step')} for {within / (last - first):.1%} from the "
        f"first step to the last, {within / (end - begin):.1%} of the whole time; the rest, in seconds a fleet: "
        f"{first - begin:.1f} of start, {waited / len(fleets):.1f} between steps ({waited / len(steps):.3f} a step), "
        f"{idle:.1f} before its first step or after its last, {end - last:.1f} from the last step to the prompt"
    )


def print_timeline(marks: Iterable[Mark]) -> None:
    """A line an event: seconds since the first, seconds since the one before, what it is."""
    first = before = min(marks).at
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    for mark in sorted(marks):
        print(f"{mark.at - first:7.1f} s  {mark.at - before:+6.1f}  {mark.what}")
        before = mark.at


def run(*arguments: str, storage: Path, logs: Path) -> list[Mark]:
    """Run the sweep; gives its beginning, its end and what it printed when. Exits where it failed."""
    command = [sys.executable, "-u", str(SWEEP), *arguments, "--storage", str(storage)]
    marks = [Mark(at=time.time(), what="the process starts")]
    shell = {**os.environ, "RAY_TMPDIR": str(logs)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=shell) as process:
        output = []
        for line in process.stdout or ():
            output.append(line)
            marks += [Mark(at=time.time(), what=what) for text, what in PRINTED.items() if text in line]
    marks.append(Mark(at=time.time(), what="the prompt is back"))
    if process.returncode:
        sys.exit("".join(output))
    return marks


def logged(logs: Path) -> Iterator[Mark]:
    """Ray's own start, the fleet's processes, and the first and last step, from the logs below that folder."""
    for session in logs.glob("ray/session_2*"):
        if found := SESSION.search(session.name):
            yield Mark(at=datetime.strptime(found[1], "%Y-%m-%d_%H-%M-%S_%f").timestamp(), what="Ray is being started")
        for kind, what in LOGS.items():
            lines = (path.open().readline() for path in session.glob(f"logs/train/ray-train-{kind}-*.log"))
            yield from (Mark(at=at, what=what) for line in lines if (at := _asctime(line)) is not None)
    if steps := learnings(logs):
        yield Mark(at=steps[0].at, what="the first step begins")
        yield Mark(at=steps[-1].at, what=f"the last of {sum(one.what == 'trained' for one in steps)} steps is trained")


def recorded(storage: Path) -> Iterator[Mark]:
    """Read the newest sweep's journal and files: the times of its events, and when its report was drawn."""
    newest = _newest(storage)
    seen: set[str] = set()
    for line in (newest / "spool" / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if (kind := event["kind"]) in RECORDED and kind not in seen:
            seen.add(kind)
            yield Mark(at=event["at"] / 1000, what=RECORDED[kind])
    drawn = [*newest.glob("*.png"), newest / "report.html"]
    yield Mark(at=max(path.stat().st_mtime for path in drawn), what="the report is drawn")


def registered(storage: Path) -> Iterator[Mark]:
    """The newest version of a model in the storage's own MLflow."""
    from atlas.tracking import default_tracking_uri
    from atlas.tracking.mlflow.address import connect

    versions = connect(default_tracking_uri(storage)).search_model_versions()
    if versions:
        at = max(version.creation_timestamp for version in versions) / 1000
        yield Mark(at=at, what="the best model is registered")


def trained_steps(storage: Path) -> Sequence[TrainedStep]:
    """The steps that the newest sweep trained."""
    return read_summary(_newest(storage) / "summary.json").timeline


def _newest(storage: Path) -> Path:
    """The folder of the newest sweep in a storage."""
    return max(storage.glob("sweeps/*"), key=lambda folder: folder.stat().st_mtime)


def _asctime(line: str) -> float | None:
    """The time of a line of Ray Train's logs, in seconds since 1970."""
    found = ASCTIME.search(line)
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp() if found else None


if __name__ == "__main__":
    main()
