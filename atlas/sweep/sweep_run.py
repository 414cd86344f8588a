"""A run of a sweep: everything that was checked and planned before its first step."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from atlas.config.budget import Budget, budget_from
from atlas.config.experiment import Experiment
from atlas.config.invocation import Invocation
from atlas.execution.sizing import FleetSize
from atlas.search.feasibility import Feasibility
from atlas.search.proposals import Proposals
from atlas.sweep.folder import SweepFolder
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.plan import Plan
from atlas.sweep.spending import Spending


@dataclass(frozen=True, kw_only=True)
class SweepRun:
    """An experiment with its inputs, the fleets that it is to have, its foreseen trials, its plan and its folder.

    `changes` are those of the sweep's definition that it has gone on with since it was started, a line each.
    `token` marks the steps that this run trains itself, apart from those that it finds in the store; `earlier` are the
    tokens of the sweep's runs before it was resumed. `started` is in seconds since 1970. `stopped` says why the run
    ended before its trials did, and `spending` is that of all runs, once it has ended. `feasibility` judges its trials.
    """

    experiment: Experiment
    inputs: SweepInputs
    size: FleetSize
    proposals: Proposals
    plan: Plan
    folder: SweepFolder
    invocation: Invocation
    changes: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    earlier: frozenset[str] = frozenset()
    started: float = field(default_factory=time.time)
    stopped: str = ""
    spending: Spending = field(default_factory=Spending)
    feasibility: Feasibility = field(default_factory=Feasibility)

    @property
    def budget(self) -> Budget | None:
        """The sweep's budget; None without one."""
        return budget_from(self.experiment.options.run.budget)

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.folder.id

    @property
    def broker(self) -> str:
        """The name of the sweep's broker, by which trials and fleets find it."""
        return f"broker-{self.id}"

    @property
    def resume_command(self) -> str:
        """The command that resumes the sweep."""
        return self.invocation.resume_command(str(self.experiment.options.storage.path), self.id)
