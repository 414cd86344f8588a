"""The broker: a queue of steps between the trials that request them and the fleets that train them, each step once.

Stateless across restarts: trials request again, and the fleets' renewals restore their leases.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Literal

from atlas.execution.job import Job, Lease, StepFailed
from atlas.execution.status import BrokerStatus, JobState, RunningStep
from atlas.execution.store_view import JobKey, StoreView
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult

LEASE_SECONDS = 60.0
LEAVING_SECONDS = 10.0  # the same for a fleet whose node is being preempted
ATTEMPTS = 3
LOSSES = 5  # fleets that may die with a step before it is given up


@dataclass(repr=False)
class Broker:
    """The class of the actor. `store_uri` holds the finished steps; `owner` identifies the sweep in its leases there.

    A lease lasts `lease_seconds` after its last renewal, on the broker's own clock: no other machine's clock matters.
    """

    store_uri: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    lease_seconds: float = LEASE_SECONDS
    _jobs: dict[JobKey, Job] = field(default_factory=dict)
    _queue: deque[JobKey] = field(default_factory=deque)
    _fleets: set[str] = field(default_factory=set)
    _leaving: set[str] = field(default_factory=set)
    _workers: dict[str, int] = field(default_factory=dict)
    _trained: list[float] = field(default_factory=list)
    _tasks: set[asyncio.Task[StepResult | None]] = field(default_factory=set)
    _closed: bool = False
    _born: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self._store_view = StoreView(self.store_uri, self.owner)

    async def request(self, step: Step, scope: str = "") -> StepResult:
        """The result of `step`: from the store, or once a fleet has trained it and all that it builds on.

        Raises:
            StepFailed: it cannot be trained.
        """
        job = self._find(step, scope)
        if job is None:
            job = Job(Lease(step=step, scope=scope), asyncio.get_running_loop().create_future())
            self._jobs[scope, step.key] = job
            self._start(self._schedule(job))
        return await asyncio.shield(job.result)

    async def anticipate(self, steps: list[Step], scope: str = "") -> None:
        """Queue steps before they are requested, so that fleets do not wait for the trials."""
        for step in steps:
            self._start(self.request(step, scope))

    async def lease(self, fleet: str, wait: float) -> Lease | Literal["close"] | None:
        """Lease the next step to `fleet`; None after `wait` seconds without one, "close" when the broker has closed."""
        deadline = time.monotonic() + wait
        self._fleets.add(fleet)
        while not self._closed:
            self._requeue_expired()
            if self._queue:
                if lease := await self._grant(self._queue.popleft(), fleet):
                    return lease
                continue
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(0.02)
        return "close"

    async def renew(self, fleet: str, lease: Lease, progress: float) -> None:
        """Renew the lease of `fleet`, `progress` in [0, 1]. It also tells a restarted broker of the lease."""
        job = self._adopt(lease)
        if job.state not in ("done", "failed"):
            self._start_job(job, fleet)
            job.progress = progress

    async def done(self, lease: Lease, seconds: float) -> None:
        """Take note that the step was committed, after `seconds`."""
        job = self._adopt(lease)
        result = await self._guard(job, self._store_view.result(job.job_key))
        if result is not None:
            self._trained.append(seconds)
            self._finish(job, result)
        elif job.state != "failed":
            self._retry(job, "its result is not in the store")

    async def failed(self, lease: Lease, reason: str, *, final: bool) -> None:
        """Fail the step, or retry it where the failure is not `final`; a lost parent is then trained again first."""
        job = self._adopt(lease)
        if final:
            return self._fail(job, reason, final=True)
        for past in lease.step.chain():
            known = self._jobs.get((lease.scope, past.key))
            if past.key != lease.step.key and known is not None and known.state == "done":
                del self._jobs[lease.scope, past.key]  # those not done are being trained already
        return self._retry(job, reason)

    async def hello(self, fleet: str, workers: int = 1) -> None:
        """Register a fleet that has (re)started with so many workers: its lease goes back to the queue.

        A changed number of workers means that Ray Train has resized an elastic fleet, which counts against no step.
        """
        planned = fleet in self._leaving or self._workers.get(fleet, workers) != workers
        self._leaving.discard(fleet)
        self._workers[fleet] = workers
        for job in self._jobs.values():
            if job.state == "running" and job.fleet == fleet:
                self._lost(job, planned=planned)

    async def leaving(self, fleet: str) -> None:
        """Take note that the node of `fleet` is being preempted: its next stop counts against no step."""
        self._leaving.add(fleet)

    async def status(self) -> BrokerStatus:
        """The state of all jobs and fleets."""
        self._requeue_expired()
        states: list[JobState] = [job.state for job in self._jobs.values()]
        running = [
            RunningStep(fleet=job.fleet, title=job.lease.step.title, progress=job.progress)
            for job in self._jobs.values()
            if job.state == "running"
        ]
        return BrokerStatus(
            born=self._born,
            states={state: states.count(state) for state in sorted(set(states))},
            fleets=len(self._fleets),
            running=tuple(sorted(running)),
            trained=len(self._trained),
            trained_seconds=sum(self._trained),
        )

    async def give_up(self, reason: str) -> None:
        """Fail every unfinished job with this reason: no fleet is left."""
        for job in self._jobs.values():
            if job.state not in ("done", "failed"):
                self._fail(job, reason)

    async def close(self) -> None:
        """Lease no more steps: fleets end at their next request, and the leases in the store are released."""
        self._closed = True
        for job in self._jobs.values():
            self._store_view.release(job.job_key)

    def _start(self, work: Coroutine[None, None, StepResult | None]) -> None:
        """Run a coroutine in the background; the loop itself holds only weak references to tasks."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[StepResult | None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio logs nothing: the requester gets the step's failure

    async def _schedule(self, job: Job) -> None:
        """Finish the job where the store has the result; else queue it once the steps that it builds on are trained."""
        lease = job.lease
        if (result := await self._guard(job, self._store_view.result(job.job_key))) is not None:
            return self._finish(job, result)
        try:
            await asyncio.gather(*(self.request(step, lease.scope) for step in lease.step.builds_on))
        except StepFailed as failure:
            return self._fail(job, f"a step that it builds on failed: {failure}")
        if job.state == "waiting":
            self._requeue(job)
        return None

    async def _guard(self, job: Job, looked_up: Coroutine[None, None, StepResult | None]) -> StepResult | None:
        """The result of a look-up in the store. An error fails the job, since requesters must not wait for ever."""
        try:
            return await looked_up
        except Exception as error:
            self._fail(job, f"its result could not be looked up: {error}")
            return None

    def _find(self, step: Step, scope: str) -> Job | None:
        """The step's job; None where there is none, or where it failed but may be retried."""
        job = self._jobs.get((scope, step.key))
        return None if job is not None and job.state == "failed" and not job.final else job

    def _adopt(self, lease: Lease) -> Job:
        job_key = (lease.scope, lease.step.key)
        if job_key not in self._jobs:
            self._jobs[job_key] = Job(lease, asyncio.get_running_loop().create_future())
        return self._jobs[job_key]

    async def _grant(self, job_key: JobKey, fleet: str) -> Lease | None:
        """The job's lease; None where another sweep on the same store has trained the step or holds its lease."""
        job = self._jobs[job_key]
        if not self._store_view.acquire(job.job_key):
            job.state = "elsewhere"
            self._start(self._await_other_sweep(job))
            return None
        # look again with the lease in hand: another sweep releases its lease once it has committed
        result = await self._guard(job, self._store_view.result(job.job_key))
        if job.state != "queued" or self._closed:  # meanwhile a fleet presumed dead has renewed its lease
            return None
        if result is not None:
            self._finish(job, result)
            return None
        self._start_job(job, fleet)
        return job.lease

    async def _await_other_sweep(self, job: Job) -> None:
        """Wait for the sweep that holds the step's lease; queue the step here if that lease ends without a result."""
        result = await self._guard(job, self._store_view.wait_for_other(job.job_key))
        if job.state == "elsewhere":
            if result is None:
                self._requeue(job)
            else:
                self._finish(job, result)

    def _start_job(self, job: Job, fleet: str) -> None:
        self._dequeue(job)
        self._store_view.force_acquire(job.job_key)
        job.state, job.fleet, job.renewed = "running", fleet, time.monotonic()

    def _requeue_expired(self) -> None:
        for job in self._jobs.values():
            if job.state == "running" and time.monotonic() - job.renewed > self._expiry(job):
                self._requeue(job)

    def _expiry(self, job: Job) -> float:
        """Seconds after its last renewal at which the job's lease expires."""
        return min(self.lease_seconds, LEAVING_SECONDS) if job.fleet in self._leaving else self.lease_seconds

    def _lost(self, job: Job, *, planned: bool) -> None:
        """Requeue the job of a fleet that stopped, unless too many fleets died with it."""
        job.losses += not planned
        if job.losses >= LOSSES:
            self._fail(job, f"{LOSSES} workers died while they trained it, the last on {job.fleet}")
            return
        self._requeue(job)
        if planned:  # it has a checkpoint: resume it before starting another step
            self._queue.rotate(1)

    def _requeue(self, job: Job) -> None:
        self._store_view.release(job.job_key)
        job.state, job.progress, job.fleet = "queued", 0.0, ""
        self._queue.append(job.job_key)

    def _dequeue(self, job: Job) -> None:
        """Dequeue a job that a fleet presumed dead has renewed or finished."""
        if job.job_key in self._queue:
            self._queue.remove(job.job_key)

    def _retry(self, job: Job, reason: str) -> None:
        job.attempts += 1
        if job.attempts >= ATTEMPTS:
            return self._fail(job, f"given up after {ATTEMPTS} attempts: {reason}")
        self._store_view.release(job.job_key)
        job.state = "waiting"
        self._start(self._schedule(job))
        return None

    def _finish(self, job: Job, result: StepResult) -> None:
        self._dequeue(job)
        self._store_view.release(job.job_key)
        job.state = "done"
        if not job.result.done():
            job.result.set_result(result)

    def _fail(self, job: Job, reason: str, *, final: bool = False) -> None:
        self._dequeue(job)
        self._store_view.release(job.job_key)
        job.state, job.final = "failed", final
        if not job.result.done():
            job.result.set_exception(StepFailed(f"{job.lease.step.title}: {reason}"))
            job.result.exception()  # retrieved, so that asyncio logs nothing where nobody awaits it
