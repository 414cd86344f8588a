"""The parts of a driven sweep, in this process: a run over two finished trials, tracking that keeps its events."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.config.options import Options
from atlas.execution.allowance import Allowance
from atlas.execution.fleets import FleetsState
from atlas.execution.sizing import FleetSize
from atlas.execution.status import BrokerStatus
from atlas.search.proposals import foresee
from atlas.serving.registered_model import RegisteredModel
from atlas.steps.step import Step
from atlas.sweep.folder import SweepFolder
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.sweep_run import SweepRun
from atlas.sweep.tracking_actor import Registration, TrackingEnd
from atlas.tracking import Event, SweepFinished, open_sink
from tests.finished import SWEEP, TASKS


def run_of(ended: FinishedSweep, folder: Path) -> SweepRun:
    """A run of that sweep, with a folder of its own."""
    options = Options.of(tasks=TASKS, storage=str(folder), trials=2)
    experiment = Experiment(sweep=SWEEP, options=options)
    return SweepRun(
        experiment=experiment,
        inputs=ended.inputs,
        proposals=foresee(experiment),
        size=FleetSize(fleets=1, workers=1, cpus=1.0, gpus=0.0),
        plan=ended.plan,
        folder=SweepFolder.new(folder, SWEEP.name, options),
        invocation=Invocation(file="sweeps/order.py"),
    )


def console() -> Console:
    """One that keeps what it prints."""
    return Console(record=True, width=200, file=io.StringIO())


@dataclass
class Tracking:
    """A tracking client that keeps the events. `away` is raised by whatever comes after the sweep's end.

    `end` is what its sink has in the end.
    """

    folder: Path
    away: Exception | None = None
    end: TrackingEnd = field(default_factory=lambda: TrackingEnd(complete=True))
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sink = open_sink(f"jsonl:{self.folder}")

    def record(self, event: Event) -> None:
        """Keep it."""
        if self.away and isinstance(event, SweepFinished):
            raise self.away
        self.events.append(event)

    def record_durably(self, event: Event, timeout: float) -> None:
        """Keep it."""
        self.record(event)

    def register(self, model: RegisteredModel | None) -> Registration:
        """None: there is no registry."""
        return Registration(reason="no registry")

    def control_tag(self, sweep: str) -> None:
        """None: the sink has no tags."""

    def finish(self, timeout: float) -> TrackingEnd:
        """What the sink has."""
        if self.away:
            raise self.away
        return self.end

    @property
    def ends(self) -> list[str]:
        """The recorded ends of the sweep."""
        return [event.status for event in self.events if isinstance(event, SweepFinished)]


@dataclass
class Training:
    """A broker with its fleets. `given_up` is why."""

    now: BrokerStatus = field(default_factory=lambda: BrokerStatus(born="first", states={"queued": 1}))
    state: FleetsState = field(default_factory=FleetsState)
    given_up: list[str] = field(default_factory=list)
    client: object = None

    def status(self) -> BrokerStatus:
        """The broker's."""
        return self.now

    def give_up(self, reason: str) -> None:
        """The broker's."""
        self.given_up.append(reason)

    def anticipate(self, steps: Sequence[Step]) -> None:
        """The broker's."""

    def allow(self, allowance: Allowance) -> None:
        """The broker's."""
        self.now = replace(self.now, allowance=allowance)

    def start_if_needed(self, status: BrokerStatus) -> None:
        """Start the fleets."""
        self.state = FleetsState(started=True, living=1)
        self.now = BrokerStatus(born="first", states={"done": 1}, fleets=1)

    def trained_by(self) -> dict[str, str]:
        """The broker's."""
        return {}

    def failures(self) -> dict[str, str]:
        """The broker's."""
        return {}

    def close(self) -> None:
        """Both."""

    @property
    def broker(self) -> Training:
        """The broker."""
        return self

    @property
    def fleets(self) -> Training:
        """The fleets."""
        return self

    def join(self, timeout: float) -> None:
        """The fleets'."""


def refuse_access(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let no file in the folder be seen, as another user's may not: modes do not bind root."""
    seen = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if folder in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return seen(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
