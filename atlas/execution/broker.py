"""The broker: who asks for a step gets its result; each step is learnt once, by whichever fleet is free.

It knows nothing that the store does not: killed, it starts again empty, trials ask again, fleets go on renewing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from atlas.execution.job import Job, Lease, StepFailed
from atlas.execution.store_view import JobKey, StoreView
from atlas.steps.step import Step

LEASE_SECONDS = 60.0
LEAVING_SECONDS = 10.0  # how long the lease of a fleet whose node is being taken away outlasts its last renewal
ATTEMPTS = 3
LOSSES = 5  # a step whose fleets were lost so often while they learnt it is not handed out again


@dataclass(repr=False)
class Broker:
    """The actor's class. `store_uri` is where finished steps are looked up; `owner` names the sweep to others there.

    A lease lasts `lease_seconds` on the broker's own clock, from its last renewal: no other machine's clock is asked.
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
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _closed: bool = False
    _born: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self._store_view = StoreView(self.store_uri, self.owner)

    async def request(self, step: Step, scope: str = "") -> dict[str, Any]:
        """The facts of `step`, from the store, or once a fleet has learnt it (and all it builds on).

        Raises:
            StepFailed: it cannot be learnt.
        """
        job = self._find(step, scope)
        if job is None:
            job = Job(Lease(step=step, scope=scope), asyncio.get_running_loop().create_future())
            self._jobs[scope, step.key] = job
            self._start(self._schedule(job))
        return await asyncio.shield(job.result)

    async def anticipate(self, steps: list[Step], scope: str = "") -> None:
        """Queue steps that will be asked for, so that no fleet waits for a trial to get to them."""
        for step in steps:
            self._start(self.request(step, scope))

    async def lease(self, fleet: str, wait: float) -> Lease | Literal["close"] | None:
        """The next step for `fleet`; None after `wait` seconds without one; "close" when there will be no more."""
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
        """`fleet` is still at it, `progress` in [0, 1]. A broker that was restarted learns of the lease here."""
        job = self._adopt(lease)
        if job.state not in ("done", "failed"):
            self._start_job(job, fleet)
            job.progress = progress

    async def done(self, lease: Lease, seconds: float) -> None:
        """The step was committed, after `seconds`."""
        job = self._adopt(lease)
        facts = await self._guard(job, self._store_view.facts(job.job_key))
        if facts is not None:
            self._trained.append(seconds)
            self._finish(job, facts)
        elif job.state != "failed":
            self._retry(job, "its entry is not in the store")

    async def failed(self, lease: Lease, reason: str, *, final: bool) -> None:
        """The step failed. Where that is not `final` (what it builds on was lost), its past is learnt again first."""
        job = self._adopt(lease)
        if final:
            return self._fail(job, reason, final=True)
        for past in lease.step.chain():
            known = self._jobs.get((lease.scope, past.key))
            if past.key != lease.step.key and known is not None and known.state == "done":
                del self._jobs[lease.scope, past.key]  # what is not done is being learnt again, with askers of its own
        return self._retry(job, reason)

    async def hello(self, fleet: str, workers: int = 1) -> None:
        """`fleet` has just (re)started with so many workers: what it had leased goes back to the queue.

        Where it had another number before, Ray Train has resized an elastic fleet, which is no step's fault.
        """
        planned = fleet in self._leaving or self._workers.get(fleet, workers) != workers
        self._leaving.discard(fleet)
        self._workers[fleet] = workers
        for job in self._jobs.values():
            if job.state == "running" and job.fleet == fleet:
                self._lost(job, planned=planned)

    async def leaving(self, fleet: str) -> None:
        """The node of `fleet` is being taken away: its next stop was planned, and is held against no step."""
        self._leaving.add(fleet)

    async def status(self) -> dict[str, Any]:
        """For the live view: the fleets that are up, the steps in each state, what runs, what the trained ones took.

        `born` tells it from the broker that it was before it was started again.
        """
        self._requeue_expired()
        states = [job.state for job in self._jobs.values()]
        running = [
            (job.fleet, job.lease.step.title, job.progress) for job in self._jobs.values() if job.state == "running"
        ]
        return {
            "born": self._born,
            "states": {state: states.count(state) for state in sorted(set(states))},
            "fleets": len(self._fleets),
            "running": sorted(running),
            "trained": len(self._trained),
            "trained_seconds": sum(self._trained),
        }

    async def give_up(self, reason: str) -> None:
        """Nobody is left to learn: whatever is not done fails, with this reason."""
        for job in self._jobs.values():
            if job.state not in ("done", "failed"):
                self._fail(job, reason)

    async def close(self) -> None:
        """No more steps: fleets end when they next ask, and other sweeps need not wait for what was in hand."""
        self._closed = True
        for job in self._jobs.values():
            self._store_view.release(job.job_key)

    def _start(self, job: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine beside the others; the loop itself would let go of it."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: who asked for the step hears of its failure

    async def _schedule(self, job: Job) -> None:
        """Finish the step where the store has it; else have learnt what it builds on, and queue it."""
        lease = job.lease
        if (facts := await self._guard(job, self._store_view.facts(job.job_key))) is not None:
            return self._finish(job, facts)
        try:
            await asyncio.gather(*(self.request(step, lease.scope) for step in lease.step.builds_on))
        except StepFailed as failure:
            return self._fail(job, f"what it builds on failed: {failure}")
        if job.state == "waiting":
            self._requeue(job)
        return None

    async def _guard(self, job: Job, facts: Coroutine[Any, Any, dict[str, Any] | None]) -> dict[str, Any] | None:
        """What the store says of the step. Where that cannot be asked the step fails: nobody may wait for ever."""
        try:
            return await facts
        except Exception as error:
            self._fail(job, f"its entry could not be looked for: {error}")
            return None

    def _find(self, step: Step, scope: str) -> Job | None:
        """What is known of the step; nothing where it failed in a way that may pass."""
        job = self._jobs.get((scope, step.key))
        return None if job is not None and job.state == "failed" and not job.final else job

    def _adopt(self, lease: Lease) -> Job:
        job_key = (lease.scope, lease.step.key)
        if job_key not in self._jobs:
            self._jobs[job_key] = Job(lease, asyncio.get_running_loop().create_future())
        return self._jobs[job_key]

    async def _grant(self, job_key: JobKey, fleet: str) -> Lease | None:
        """The job's lease; None where another sweep on the same store has learnt the step, or has it in hand."""
        job = self._jobs[job_key]
        if not self._store_view.acquire(job.job_key):
            job.state = "elsewhere"
            self._start(self._await_other_sweep(job))
            return None
        facts = await self._guard(
            job, self._store_view.facts(job.job_key)
        )  # after the claim: others let go once committed
        if job.state != "queued" or self._closed:  # a fleet that was thought lost has gone on with it meanwhile
            return None
        if facts is not None:
            self._finish(job, facts)
            return None
        self._start_job(job, fleet)
        return job.lease

    async def _await_other_sweep(self, job: Job) -> None:
        """Until the sweep that has the step in hand has learnt it; queued here where it lets the step go."""
        facts = await self._guard(job, self._store_view.wait_for_other(job.job_key))
        if job.state == "elsewhere":
            if facts is None:
                self._requeue(job)
            else:
                self._finish(job, facts)

    def _start_job(self, job: Job, fleet: str) -> None:
        self._dequeue(job)
        self._store_view.force_acquire(job.job_key)
        job.state, job.fleet, job.renewed = "running", fleet, time.monotonic()

    def _requeue_expired(self) -> None:
        for job in self._jobs.values():
            if job.state == "running" and time.monotonic() - job.renewed > self._expiry(job):
                self._requeue(job)

    def _expiry(self, job: Job) -> float:
        """For how many seconds the lease of this work need not be renewed."""
        return min(self.lease_seconds, LEAVING_SECONDS) if job.fleet in self._leaving else self.lease_seconds

    def _lost(self, job: Job, *, planned: bool) -> None:
        """The fleet stopped with the step in hand: once more, unless it is the step that kills its fleets."""
        job.losses += not planned
        if job.losses >= LOSSES:
            self._fail(job, f"{LOSSES} workers died while they learnt it, the last on {job.fleet}")
            return
        self._requeue(job)
        if planned:  # it has a waypoint, and goes on from there before another step is begun
            self._queue.rotate(1)

    def _requeue(self, job: Job) -> None:
        self._store_view.release(job.job_key)
        job.state, job.progress, job.fleet = "queued", 0.0, ""
        self._queue.append(job.job_key)

    def _dequeue(self, job: Job) -> None:
        """A fleet that was thought lost may bring, or go on with, a step that is queued again."""
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

    def _finish(self, job: Job, facts: dict[str, Any]) -> None:
        self._dequeue(job)
        self._store_view.release(job.job_key)
        job.state = "done"
        if not job.result.done():
            job.result.set_result(facts)

    def _fail(self, job: Job, reason: str, *, final: bool = False) -> None:
        self._dequeue(job)
        self._store_view.release(job.job_key)
        job.state, job.final = "failed", final
        if not job.result.done():
            job.result.set_exception(StepFailed(f"{job.lease.step.title}: {reason}"))
            job.result.exception()  # seen: a failure nobody waits for is no news
