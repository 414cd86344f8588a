"""A step on its way through the broker: asked for, handed to a fleet under a lease, done or failed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from atlas.execution.store_view import JobKey
from atlas.steps.step import Step


class StepFailed(RuntimeError):
    """A step cannot be learnt; the message names the step and the reason."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A step handed to a fleet, to be committed in the store's `scope`."""

    step: Step
    scope: str = ""


@dataclass
class Job:
    """What the broker knows of one step; `result` is what all who asked for it wait for."""

    lease: Lease
    result: asyncio.Future[dict[str, Any]]
    state: Literal["waiting", "queued", "elsewhere", "running", "done", "failed"] = "waiting"
    fleet: str = ""
    renewed: float = 0.0
    progress: float = 0.0
    attempts: int = 0
    losses: int = 0
    final: bool = False

    @property
    def job_key(self) -> JobKey:
        return self.lease.scope, self.lease.step.key
