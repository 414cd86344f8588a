"""The states of jobs: each step is looked up in the store, waits for what it builds on, is queued, leased and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from atlas.execution.background import BackgroundTasks
from atlas.execution.clock import Clock
from atlas.execution.job import Job
from atlas.execution.job_queue import JobQueue
from atlas.execution.job_table import JobTable
from atlas.execution.lease_expiry import LeaseExpiry
from atlas.execution.lookups import Lookups
from atlas.execution.status import Course
from atlas.execution.store_view import StoreView
from atlas.steps.step import Step

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
LEAVING_SECONDS = 10.0  # the same for a fleet whose node is being preempted
ATTEMPTS = 3
LOSSES = 5  # fleets that may be lost with a step before it is given up
TICK = 0.001  # seconds; a lease has expired once more than its time has passed


@dataclass
class Scheduler:
    """The jobs of a broker, within one event loop.

    `left` is that of the queue (`JobQueue`); `leaving` are the fleets whose nodes are being preempted.
    """

    store: StoreView
    clock: Clock
    left: Callable[[Job], float]
    lease_seconds: float = LEASE_SECONDS
    leaving: set[str] = field(default_factory=set)
    jobs: JobTable = field(default_factory=JobTable)
    _expiry: LeaseExpiry = field(default_factory=LeaseExpiry)
    _background: BackgroundTasks = field(default_factory=BackgroundTasks)
    _earlier: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        self.queue = JobQueue(self.clock, self.left)
        self._lookups = Lookups(self.store, self._looked_up, self.not_looked_up)

    def want(self, step: Step, scope: str) -> Job:
        """The job of a step, begun where it is new, or failed in a way that may be retried."""
        job = self.jobs.get(scope, step.key)
        if job is None:
            job = self.jobs.add(step, scope)
            self._lookups.add(job)
        elif job.state == "failed" and not job.final:
            job.attempts = job.losses = 0
            self._begin(job)
        return job

    def adopt(self, step: Step, scope: str) -> Job:
        """The job of a step that a fleet has: a new one where the broker was restarted since."""
        return self.jobs.get(scope, step.key) or self.jobs.add(step, scope)

    async def acquire(self, job: Job) -> bool:
        """Whether a job just taken from the queue may be leased: not where another sweep has trained or leased it."""
        try:
            if not await self.store.acquire(job.job_key):
                self._await_other_sweep(job)
                return False
            # look with the lease in hand: another sweep releases its lease once it has committed
            found = await self.store.look_up(job.scope, [job.step.key])
        except asyncio.CancelledError:
            if job.state == "queued":
                self._requeue(job, first=True)
            raise
        except Exception as error:
            self.not_looked_up(job, error)
            return False
        if job.state != "queued":  # meanwhile a fleet presumed dead has renewed its lease, or all was given up
            return False
        if found:
            self.finish(job)
        return not found

    def start(self, job: Job, fleet: str, progress: float = 0.0, course: Course | None = None) -> None:
        """Take note that `fleet` trains the job, now and for `lease_seconds`."""
        self.queue.discard(job)
        self.store.force_acquire(job.job_key)
        self.jobs.run(job, fleet, progress, course or Course())
        job.renewed = self.clock.monotonic()
        self.watch(job)

    def renew(self, job: Job, fleet: str, progress: float, course: Course | None = None) -> None:
        """Renew the lease of `fleet`. One that was presumed lost, and was not, does not count as a loss."""
        if job.is_finished:
            return
        if job.state == "queued" and job.presumed_lost == fleet:
            job.losses -= 1
        job.presumed_lost = ""
        self.start(job, fleet, progress, course)

    def lose(self, job: Job, *, planned: bool) -> None:
        """Requeue the job of a fleet that is lost, unless too many fleets were lost with it."""
        losses = job.losses + (not planned)
        if losses >= LOSSES:
            lost = f"{LOSSES} workers died while they trained it, or no longer renewed its lease"
            self.fail(job, f"{lost}; the last on {job.fleet}")
            return
        self._requeue(job, first=planned)  # then it has a checkpoint: resume it before starting another step
        job.losses = losses  # counted once, also where requeueing broke and is tried again

    def finish(self, job: Job) -> None:
        """The job is done: its result is in the store."""
        self._leave(job)
        self.jobs.move(job, "done")
        self.jobs.calm(job)
        job.announce()
        dependents, job.dependents = job.dependents, []
        for dependent in dependents:
            if dependent.state == "waiting" and job.step.key in dependent.blocked_by:
                dependent.blocked_by.remove(job.step.key)
                if not dependent.blocked_by:
                    self._requeue(dependent)

    def fail(self, job: Job, reason: str, *, final: bool = False) -> None:
        """The job has failed, and with it all that builds on it."""
        self._leave(job)
        self.jobs.move(job, "failed")
        job.final, job.reason = final, f"{job.step.title}: {reason}"
        self.jobs.calm(job)
        job.announce()
        dependents, job.dependents = job.dependents, []
        for dependent in dependents:
            if dependent.state == "waiting" and job.step.key in dependent.blocked_by:
                self.fail(dependent, f"a step that it builds on failed: {job.reason}", final=final)

    async def fail_attempt(self, job: Job, reason: str, *, own: bool = False) -> None:
        """Retry a job that a fleet could not train; steps that it builds on and that were lost are trained again first.

        Where some were, the attempt counts against them. The same reason a second time is final where a user's `own`
        code failed.
        """
        if own and reason == job.reason:  # with its file and line
            return self.fail(job, f"given up, since it failed at the same line twice: {reason}", final=True)
        job.reason = reason
        self.jobs.trouble(job)
        self._set_waiting(job)
        try:
            lost = await self._reopen_lost_past(job)
        except Exception as error:
            return self.not_looked_up(job, error)
        if job.state == "waiting":
            self.retry(job, reason, counts=not lost)
        return None

    def retry(self, job: Job, reason: str, *, counts: bool = True) -> None:
        """Begin the job anew, unless it was tried too often."""
        job.attempts += counts
        if job.attempts >= ATTEMPTS:
            return self.fail(job, f"given up after {ATTEMPTS} attempts: {reason}")
        return self._begin(job)

    def give_up(self, reason: str) -> None:
        """Fail every unfinished job with this reason."""
        for job in [job for job in self.jobs if not job.is_finished]:
            job.dependents.clear()  # they fail by the same reason
            self.fail(job, reason)

    def not_looked_up(self, job: Job, error: Exception) -> None:
        """Fail a job whose result could not be looked up, since requesters must not wait for ever."""
        self.fail(job, f"its result could not be looked up: {error}")

    def expire(self) -> None:
        """Requeue the jobs whose leases were not renewed in time. What breaks at one of them keeps no other lease."""
        now = self.clock.monotonic()
        for job in self._expiry.pop_due(now):
            try:
                self._expire_lease(job, now)
            except Exception:
                log.exception("the lease of %s could not be ended; it is tried again", job.step.title)
                if job.state == "running":
                    self._expiry.watch(job, now + self.lease_seconds)

    def _expire_lease(self, job: Job, now: float) -> None:
        if now <= self._expires(job):
            return self.watch(job)
        planned = job.fleet in self.leaving
        job.presumed_lost = "" if planned else job.fleet
        return self.lose(job, planned=planned)

    def watch(self, job: Job) -> None:
        """Have the job's lease expire by itself, though nobody calls."""
        before = self._expiry.next_time
        self._expiry.watch(job, self._expires(job))
        if before is None and not self._earlier:
            self._background.run(self._expire_in_time())
        elif self._earlier and not self._earlier.done() and self._expiry.next_time != before:
            self._earlier.set_result(None)

    async def _expire_in_time(self) -> None:
        """Wake at the time of the next expiry, or earlier where that changes, as long as a lease is watched."""
        while (time := self._expiry.next_time) is not None:
            self._earlier = asyncio.get_running_loop().create_future()
            await self.clock.wait(self._earlier, max(0.0, time - self.clock.monotonic()) + TICK)
            self.expire()
        self._earlier = None

    def _expires(self, job: Job) -> float:
        """The time at which the job's lease expires."""
        leaving = job.fleet in self.leaving
        return job.renewed + (min(self.lease_seconds, LEAVING_SECONDS) if leaving else self.lease_seconds)

    def _begin(self, job: Job) -> None:
        self._set_waiting(job)
        self._lookups.add(job)

    def _set_waiting(self, job: Job) -> None:
        self._leave(job)
        self.jobs.move(job, "waiting")
        job.blocked_by.clear()

    def _looked_up(self, job: Job, found: bool) -> None:
        """Finish the job where the store has its result; else queue it once the steps that it builds on are trained."""
        if found and not job.is_finished:
            self.finish(job)
        elif job.state == "waiting":
            self._block(job)

    def _block(self, job: Job) -> None:
        for earlier in (self.want(step, job.scope) for step in job.step.builds_on):
            if earlier.state == "failed":
                return self.fail(job, f"a step that it builds on failed: {earlier.reason}", final=earlier.final)
            if earlier.state != "done":
                job.blocked_by.add(earlier.step.key)
                earlier.dependents.append(job)
        if not job.blocked_by:
            self._requeue(job)
        return None

    async def _reopen_lost_past(self, job: Job) -> bool:
        """Whether a step that the job builds on is not, or no longer, trained; those no longer there are begun anew."""
        steps = (step for step in job.step.chain() if step.key != job.step.key)
        past = [earlier for step in steps if (earlier := self.jobs.get(job.scope, step.key)) is not None]
        finished = [earlier for earlier in past if earlier.state == "done"]
        found = await self.store.look_up(job.scope, [earlier.step.key for earlier in finished]) if finished else {}
        for earlier in finished:
            if earlier.step.key not in found and earlier.state == "done":
                self.retry(earlier, "its result was lost from the store, or damaged")
        return any(earlier.state != "done" for earlier in past)

    def _await_other_sweep(self, job: Job) -> None:
        if job.state == "queued":
            self.jobs.move(job, "elsewhere")
            self._background.run(self._end_of_other(job))

    async def _end_of_other(self, job: Job) -> None:
        """Wait for the sweep that holds the step's lease; queue the step here if that lease ends without a result."""
        try:
            finished = await self.store.wait_for_other(job.job_key)
        except Exception as error:
            if job.state == "elsewhere":
                self.not_looked_up(job, error)
            return
        if job.state == "elsewhere":
            self.finish(job) if finished else self._requeue(job)

    def _requeue(self, job: Job, *, first: bool = False) -> None:
        self._leave(job)
        self.jobs.move(job, "queued")
        job.progress, job.fleet = 0.0, ""
        self.queue.push(job, first=first)

    def _leave(self, job: Job) -> None:
        """Take the job out of the queue, and its leases back."""
        self.queue.discard(job)
        self._expiry.discard(job)
        self.store.release(job.job_key)
