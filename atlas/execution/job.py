"""A job: a step on its way through the broker, from the first request to its result or failure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from atlas.execution.status import Course, JobState
from atlas.runtime.errors import StepError
from atlas.steps.step import Step

JobKey = tuple[str, str]  # scope in the store, key of the step


class StepFailed(StepError):
    """A step cannot be trained; the message names the step and the reason."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A step leased to a fleet, to be committed in the store's `scope`."""

    step: Step
    scope: str = ""


@dataclass(slots=True, eq=False)
class Job:
    """The broker's record of one step in one scope of the store.

    `blocked_by` are the keys of unfinished steps that it builds on, `dependents` the jobs that wait for this one.
    `renewed` is the time of the lease's last renewal (the broker's clock), `progress` the share of updates done,
    `course` the loss and speed beside it.
    `attempts` counts failures that were retried, `losses` the fleets that were lost with the step, of which
    `presumed_lost` is the last one where its lease expired. A `final` failure is not retried on a later request.
    """

    step: Step
    scope: str
    state: JobState = "waiting"
    fleet: str = ""
    renewed: float = 0.0
    progress: float = 0.0
    course: Course = field(default_factory=Course)
    attempts: int = 0
    losses: int = 0
    presumed_lost: str = ""
    final: bool = False
    reason: str = ""
    blocked_by: set[str] = field(default_factory=set)
    dependents: list[Job] = field(default_factory=list)
    _end: asyncio.Future[None] | None = None

    @property
    def job_key(self) -> JobKey:
        """Scope and key of the step."""
        return self.scope, self.step.key

    @property
    def is_finished(self) -> bool:
        """Whether it is done or has failed."""
        return self.state in ("done", "failed")

    async def finished(self) -> None:
        """Wait until the job is done. Raises StepFailed where it fails."""
        if self.state == "failed":
            raise StepFailed(self.reason)
        if self.state != "done":
            if self._end is None:
                self._end = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._end)

    def announce(self) -> None:
        """Wake all who wait for the end of the job: it is done or has failed."""
        end, self._end = self._end, None
        if end is None:
            return
        if self.state == "failed":
            end.set_exception(StepFailed(self.reason))
            end.exception()  # retrieved, so that asyncio logs nothing where nobody waits any longer
        else:
            end.set_result(None)
