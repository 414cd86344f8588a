"""A job: a step on its way through the broker, from the first request to its result or failure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from atlas.execution.status import JobState
from atlas.execution.store_view import JobKey
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult


class StepFailed(RuntimeError):
    """A step cannot be trained; the message names the step and the reason."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A step leased to a fleet, to be committed in the store's `scope`."""

    step: Step
    scope: str = ""


@dataclass
class Job:
    """The broker's record of one step; everyone who requested the step awaits `result`.

    `renewed` is the time of the lease's last renewal (the broker's monotonic clock), `progress` the share of updates
    done. `attempts` counts failures that were retried, `losses` the fleets that died with the step. A `final` failure
    is not retried on a later request.
    """

    lease: Lease
    result: asyncio.Future[StepResult]
    state: JobState = "waiting"
    fleet: str = ""
    renewed: float = 0.0
    progress: float = 0.0
    attempts: int = 0
    losses: int = 0
    final: bool = False

    @property
    def job_key(self) -> JobKey:
        """Scope and key of the step."""
        return self.lease.scope, self.lease.step.key
