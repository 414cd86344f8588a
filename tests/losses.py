"""Costs of the faults that a test causes, noted with the test's result for `benchmarks/losses.py`.

Nothing here is asserted on: seconds depend on the machine, and what has to hold is for the tests to say.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.learning import BEGUN, Attempt, Fault, Learning, attempts, charged, learnings, lost, standstill
from benchmarks.losses import PROPERTY, Table

INSTANT = 0.05  # seconds; a fault between two runs of a sweep ends nothing


class Losses:
    """The faults of one test. Logs are read of sweeps with `shell` in their environment, or where `look_in` says."""

    def __init__(self, record: Callable[[str, object], None], folder: Path) -> None:
        self.record, self.folder = record, folder
        self.logs = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # short: Ray's sockets have a limit of 107 characters
        self.known = set(Table().faults)
        self.faults: list[Fault] = []
        self.read, self.before = self.logs, set[Learning]()

    @property
    def shell(self) -> dict[str, str]:
        """The environment variables of a sweep whose logs are to be found."""
        self.logs.mkdir(exist_ok=True)
        return {"RAY_TMPDIR": str(self.logs)}

    def look_in(self, folder: Path) -> None:
        """Read the logs of a cluster with that RAY_TMPDIR; what it did before is not of this test."""
        self.read, self.before = folder, set(learnings(folder))

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Time a fault of docs/faults.md: all that it ends, ends within; its cost is counted after the test."""
        at = time.time()
        yield
        self.faults.append(Fault(name=name, at=at, done=time.time(), since=at))

    def resumed(self) -> None:
        """The last fault ended the sweep, which is started again now."""
        self.faults[-1] = replace(self.faults[-1], since=time.time())

    def lines(self) -> list[Learning]:
        """The log lines of workers in this test until now."""
        return [line for line in learnings(self.read) if line not in self.before]

    def begun(self) -> int:
        """The number of steps begun until now."""
        return sum(line.what == BEGUN for line in self.lines())

    def failed(self, name: str, key: str) -> None:
        """Note what a step that failed for good cost: every attempt at it."""
        begun = [line.what for line in self.lines() if line.key == key].count(BEGUN)
        self.note(name, begun=begun, lost=begun, for_good=1)

    def note(self, name: str, *, begun: int, lost: int, for_good: int = 0, **seconds: float) -> None:
        """Note what a fault cost: steps, and seconds by what they were spent on (underscores are spaces)."""
        assert name in self.known, f"{name!r} is no row of docs/faults.md; there are: {sorted(self.known)}"
        spent = {what.replace("_", " "): round(value, 1) for what, value in seconds.items()}
        steps = {"begun": begun, "lost": lost, "for_good": for_good}
        self.record(PROPERTY, json.dumps({"fault": name, **steps, "seconds": spent}))

    def count(self) -> None:
        """Note what every fault of this test cost, by the logs."""
        tried = attempts(self.lines(), self.faults)
        committed = {path.parent.name for path in self.folder.rglob("store/steps/*/*/commit.json")}
        gone = lost(tried, committed)
        for fault, after in zip(self.faults, [*(later.at for later in self.faults[1:]), float("inf")], strict=True):
            mine = [attempt for attempt in gone if charged(attempt, self.faults) == fault]
            steps = {"begun": len(tried), "lost": len(mine), "for_good": len({one.key for one in mine} - committed)}
            self.note(fault.name, **steps, **_seconds(fault, after, mine, tried))


def _seconds(fault: Fault, after: float, gone: list[Attempt], tried: list[Attempt]) -> dict[str, float]:
    """The seconds that a fault cost: training in vain, and time in which no worker trained."""
    spent = {"learnt_in_vain": sum(attempt.ended - attempt.began for attempt in gone)} if gone else {}
    if not tried or fault.since < tried[0].began:  # it was so from the beginning: what fleets take to start is not its
        return spent
    idle = standstill(tried, fault, after)
    if fault.since < fault.done:
        return {**spent, "without_any_learning": idle}
    if fault.done - fault.at > INSTANT:
        spent["until_it_had_ended"] = fault.done - fault.at
    if tried[-1].began > fault.since:
        spent["from_resuming_to_the_first_step"] = idle
    return spent
