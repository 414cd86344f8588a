"""What a soak looks at: whether anything deviates from the quiet run, and what fleets learnt when."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LINE = re.compile(r"^([0-9.]+) atlas (learning|learnt) (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What fleets said of one step: seconds since 1970, whether it was begun or committed, its key."""

    at: float
    what: str
    key: str


@dataclass
class Deviations:
    """What should not have happened."""

    found: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note `otherwise`, unless it `holds`."""
        if not holds:
            self.found.append(otherwise)
            print(f"DEVIATION: {otherwise}", flush=True)


def learnings(ray_folder: Path) -> list[Learning]:
    """What the fleets' workers said in Ray's logs, in order of time."""
    files = ray_folder.glob("ray/session_2*/logs/worker-*.out")
    lines = (LINE.findall(file.read_text(errors="replace")) for file in files)
    return sorted(
        (Learning(at=float(at), what=what, key=key) for found in lines for at, what, key in found),
        key=lambda line: line.at,
    )


def learnt_again(lines: Sequence[Learning]) -> list[str]:
    """The keys of steps that were begun again after they had been committed."""
    done: set[str] = set()
    again = []
    for line in lines:
        if line.what == "learnt":
            done.add(line.key)
        elif line.key in done:
            again.append(line.key)
    return again


def check_tracking(storage: Path, deviations: Deviations) -> None:
    """Every committed step, trial and sweep is one closed run in MLflow."""
    from atlas.tracking import default_tracking_uri
    from atlas.tracking.address import connect

    client = connect(default_tracking_uri(storage))
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    runs = client.search_runs([experiment.experiment_id], max_results=5000)
    keys = Counter(run.data.tags["atlas.key"] for run in runs)
    deviations.expect(max(keys.values()) == 1, f"doubled runs: {[key for key, n in keys.items() if n > 1]}")
    still = [run.info.run_name for run in runs if run.info.status != "FINISHED"]
    deviations.expect(not still, f"runs not closed as FINISHED: {still}")
    steps = {path.parent.name for path in storage.glob("store/steps/*/*/commit.json")}
    deviations.expect(steps <= set(keys), f"steps without a run: {sorted(steps - set(keys))}")
