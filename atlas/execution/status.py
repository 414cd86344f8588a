"""The broker's status: what the live view shows, and what starts fleets and prefetching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlas.execution.allowance import Allowance

JobState = Literal["waiting", "queued", "elsewhere", "running", "done", "failed"]
UNFINISHED: tuple[JobState, ...] = ("waiting", "queued", "elsewhere", "running")


@dataclass(frozen=True, kw_only=True)
class Course:
    """The course of a step in training: its last logged loss, and its updates a second. None: not known yet."""

    loss: float | None = None
    updates_per_second: float | None = None


@dataclass(frozen=True, kw_only=True, order=True)
class RunningStep:
    """A step in training: the fleet's name, the step's title and seed, and the share of its updates done, in [0, 1]."""

    fleet: str
    title: str
    progress: float
    seed: int = 0
    course: Course = field(default_factory=Course, compare=False)


@dataclass(frozen=True, kw_only=True)
class BrokerStatus:
    """The state of a broker at one moment.

    `states` counts the jobs in each state that occurs, `fleets` the fleets that have asked for a lease; `trained` and
    `trained_seconds` are the number and the duration of the steps trained so far, `newest` the keys of the last ones,
    the newest last. `born` identifies the broker's process: a restarted one has another. `troubles` are the last
    failures of steps that are tried again.

    `allowance` are the terms on which it leases steps, None before it is told any; `next_seconds` is the expected
    training of the first step that is queued. `stalled`: the allowance does not cover that one, and nothing runs.
    """

    born: str = ""
    states: Mapping[JobState, int] = field(default_factory=dict)
    fleets: int = 0
    running: tuple[RunningStep, ...] = ()
    trained: int = 0
    trained_seconds: float = 0.0
    newest: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    allowance: Allowance | None = None
    next_seconds: float = 0.0
    stalled: bool = False

    def count(self, *states: JobState) -> int:
        """The number of jobs in these states."""
        return sum(self.states.get(state, 0) for state in states)
