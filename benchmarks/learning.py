"""Training timeline of fleets, by the workers' lines in Ray's logs: steps begun, committed and lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGUN, COMMITTED = "training", "trained"  # the events that atlas.execution.worker logs
LINE = re.compile(rf"^([0-9.]+) atlas ({BEGUN}|{COMMITTED}) (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Learning:
    """A worker's log line on one step: seconds since 1970, whether the step was begun or committed, and its key."""

    at: float
    what: str
    key: str
    worker: str = ""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A worker's go at one step, from `began` to `ended` (seconds since 1970); whether it said that it was learnt."""

    key: str
    began: float
    ended: float
    learnt: bool


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault that came at `at` and had ended all that it ended by `done` (seconds since 1970).

    The sweep could go on from `since`: at once, or where it had to be started again, from then.
    """

    name: str
    at: float
    done: float
    since: float


def learnings(ray_folder: Path) -> list[Learning]:
    """The lines of the fleets' workers in Ray's logs, in order of time."""
    found = [
        Learning(at=float(at), what=what, key=key, worker=file.stem)
        for file in ray_folder.glob("ray/session_2*/logs/worker-*.out")
        for at, what, key in LINE.findall(file.read_text(errors="replace"))
    ]
    return sorted(found, key=lambda line: line.at)


def learnt_again(lines: Sequence[Learning]) -> list[str]:
    """The keys of steps that were begun again after they had been committed."""
    done: set[str] = set()
    again = []
    for line in lines:
        if line.what == COMMITTED:
            done.add(line.key)
        elif line.key in done:
            again.append(line.key)
    return again


def attempts(lines: Sequence[Learning], faults: Sequence[Fault]) -> list[Attempt]:
    """The attempts, in order of their beginning. One of which its worker said no more ended with its fault."""
    at_work: dict[str, Learning] = {}
    found = []
    for line in lines:
        if (first := at_work.pop(line.worker, None)) is not None:
            found.append(Attempt(key=first.key, began=first.at, ended=line.at, learnt=line.what == COMMITTED))
        if line.what == BEGUN:
            at_work[line.worker] = line
    for first in at_work.values():
        ended = next((max(fault.at, first.at) for fault in faults if fault.done > first.at), lines[-1].at)
        found.append(Attempt(key=first.key, began=first.at, ended=ended, learnt=False))
    return sorted(found, key=lambda attempt: attempt.began)


def lost(tried: Sequence[Attempt], committed: Collection[str]) -> list[Attempt]:
    """All attempts but the one by which each committed step came to be: the first that said so, else the last."""
    kept = set()
    for key in committed:
        mine = sorted((attempt for attempt in tried if attempt.key == key), key=lambda attempt: attempt.ended)
        kept |= {next((attempt for attempt in mine if attempt.learnt), mine[-1])} if mine else set()
    return [attempt for attempt in tried if attempt not in kept]


def charged(attempt: Attempt, faults: Sequence[Fault]) -> Fault:
    """The fault to which an attempt was lost: the first that was not over when it began; else the last."""
    return next((fault for fault in faults if fault.done > attempt.began), faults[-1])


def standstill(tried: Sequence[Attempt], fault: Fault, until: float) -> float:
    """The longest time, in seconds, from when the sweep could go on in which no worker was at a step.

    Times that begin at `until`, when the next fault came, or later are not this fault's.
    """
    idle_since, longest = fault.since, 0.0
    for attempt in tried:
        if idle_since >= until:
            break
        longest = max(longest, attempt.began - idle_since)
        idle_since = max(idle_since, attempt.ended)
    return longest
