"""The broker: a queue of steps between the trials that request them and the fleets that train them, each step once.

Stateless across restarts: trials request again, and the fleets' renewals restore their leases. Steps are named by
their keys; who calls with one that the broker does not know gets `Unknown`, describes it, and calls again. No call
waits for the store or for a step but `request`, `lease`, `done`, `failed` and `close`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from atlas.execution.allowance import UNBOUNDED, Allowance, Meter
from atlas.execution.clock import Clock, SystemClock
from atlas.execution.fleet_calls import FleetCalls, FleetFunction
from atlas.execution.job import Job, StepFailed
from atlas.execution.messages import Grant, Order, Unknown
from atlas.execution.scheduler import LEASE_SECONDS, Scheduler
from atlas.execution.status import BrokerStatus, Course
from atlas.execution.step_registry import StepNode, StepRegistry
from atlas.execution.store_view import StoreView
from atlas.storage.step_result import StepResult

KNOWN_STEPS = 1000  # steps of which is remembered that a fleet has them
NEWEST = 32  # trained steps that its status names


@dataclass(eq=False)
class Broker:
    """The class of the actor. `store` holds the finished steps, and this sweep's leases.

    A lease lasts `lease_seconds` after its last renewal, on the broker's own clock: no other machine's clock matters.
    Without an `allowance` it leases nothing until it is told one.
    """

    store: StoreView
    lease_seconds: float = LEASE_SECONDS
    clock: Clock = field(default_factory=SystemClock)
    allowance: Allowance | None = UNBOUNDED
    _steps: StepRegistry = field(default_factory=StepRegistry)
    _fleets: set[str] = field(default_factory=set)
    _workers: dict[str, int] = field(default_factory=dict)
    _sent: dict[str, set[str]] = field(default_factory=dict)
    _calls: FleetCalls = field(default_factory=FleetCalls)
    _leasing: dict[Job, None] = field(default_factory=dict)
    _trained_by: dict[str, str] = field(default_factory=dict)
    _ending: bool = False
    _closed: bool = False
    _born: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self._meter = Meter(self.allowance, changed=lambda: self._scheduler.queue.wake_all())
        self._scheduler = Scheduler(self.store, self.clock, self._left, self.lease_seconds)

    async def describe(self, nodes: Sequence[StepNode]) -> None:
        """Register steps, those first that others build on; one that builds on an unknown step is left out."""
        self._steps.add(nodes)

    async def unknown(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of the keys whose steps have not been described."""
        return self._steps.unknown(keys)

    async def request(self, keys: Sequence[str], scope: str = "") -> list[StepResult] | Unknown:
        """The results of the steps: from the store, or once fleets have trained them and all that they build on.

        Raises:
            StepFailed: one of them cannot be trained.
        """
        if unknown := self._steps.unknown(keys):
            return Unknown(unknown)
        while True:
            jobs = [self._scheduler.want(self._steps[key], scope) for key in keys]
            await asyncio.gather(*(job.finished() for job in jobs))
            found = await self._read(jobs, scope)
            if not (lost := [job for job in jobs if job.step.key not in found]):
                return [found[key] for key in keys]
            for job in lost:
                if job.state == "done":
                    self._scheduler.retry(job, "its result was lost from the store, or damaged")

    async def request_trainable(self, keys: Sequence[str]) -> list[StepResult | None] | Unknown:
        """As `request`, of steps that trials share, with None for one that has failed for good.

        Raises:
            StepFailed: one of them cannot be trained now.
        """
        if unknown := self._steps.unknown(keys):
            return Unknown(unknown)
        jobs = [self._scheduler.want(self._steps[key], "") for key in keys]
        await asyncio.gather(*(job.finished() for job in jobs), return_exceptions=True)
        failed = [job for job in jobs if job.state == "failed"]
        for job in failed:
            if not job.final:
                raise StepFailed(job.reason)
        lost = {job.step.key for job in failed}
        kept = [key for key in keys if key not in lost]
        results = await self.request(kept)
        assert not isinstance(results, Unknown), "all of them are known"
        found = dict(zip(kept, results, strict=True))
        return [found.get(key) for key in keys]

    async def anticipate(self, keys: Sequence[str], scope: str = "") -> Unknown | None:
        """Queue steps before they are requested, so that fleets do not wait for the trials."""
        if unknown := self._steps.unknown(keys):
            return Unknown(unknown)
        for key in keys:
            self._scheduler.want(self._steps[key], scope)
        return None

    async def lease(self, fleet: str, wait: float) -> Order:
        """A call for `fleet`, or the lease of the next step; None after `wait` seconds, "close" at the end."""
        deadline = self.clock.monotonic() + wait
        self._fleets.add(fleet)
        while not self._closed:
            self._scheduler.expire()
            if (call := self._calls.take(fleet)) is not None:
                return call
            if self._ending:
                break
            self._scheduler.queue.few = self._meter.few(len(self._fleets))
            if (job := self._scheduler.queue.first) is not None and self._covers(job):
                if (grant := await self._lease(job, fleet)) is not None:
                    return grant
            elif (seconds := deadline - self.clock.monotonic()) <= 0:
                return None
            else:
                await self._scheduler.queue.wait(seconds)
        return "close"

    async def nodes(self, key: str) -> tuple[StepNode, ...]:
        """The nodes of a step that was leased and of all that it builds on."""
        return tuple(self._steps.nodes(key))

    async def renew(
        self, fleet: str, key: str, scope: str, progress: float, course: Course | None = None
    ) -> Unknown | None:
        """Renew the lease of `fleet`, `progress` in [0, 1], with the step's loss and speed.

        It also tells a restarted broker of the lease.
        """
        if key not in self._steps:
            return Unknown((key,))
        self._scheduler.renew(self._scheduler.adopt(self._steps[key], scope), fleet, progress, course)
        return None

    async def done(self, key: str, scope: str, seconds: float) -> Unknown | None:
        """Take note that the step was committed, after `seconds`."""
        if key not in self._steps:
            return Unknown((key,))
        job = self._scheduler.adopt(self._steps[key], scope)
        try:
            found = await self.store.look_up(scope, [key])
        except Exception as error:
            self._scheduler.not_looked_up(job, error)
            return None
        if found:
            self._trained_by[key] = job.fleet
            self._scheduler.finish(job)
            self._meter.add(job.step, seconds)
        elif job.state != "failed":
            self._scheduler.retry(job, "its result is not in the store")
        return None

    async def failed(self, key: str, scope: str, reason: str, *, final: bool, own: bool = False) -> Unknown | None:
        """Fail the step, or retry it where the failure is not `final`; a lost parent is then trained again first.

        `own`: it was an error at a line of a user's file, which the reason names; the same again is final. Nothing
        changes where the step has ended, by another fleet that had it since.
        """
        if key not in self._steps:
            return Unknown((key,))
        job = self._scheduler.adopt(self._steps[key], scope)
        if job.state == "done" or (job.is_finished and not final):
            return None
        if final:
            self._scheduler.fail(job, reason, final=True)
        else:
            await self._scheduler.fail_attempt(job, reason, own=own)
        return None

    async def hello(self, fleet: str, workers: int = 1) -> None:
        """Register a fleet that has (re)started with so many workers: its lease goes back to the queue.

        A changed number of workers means that Ray Train has resized an elastic fleet, which counts against no step.
        """
        planned = fleet in self._scheduler.leaving or self._workers.get(fleet, workers) != workers
        self._scheduler.leaving.discard(fleet)
        self._sent.pop(fleet, None)
        self._workers[fleet] = workers
        for job in self._scheduler.jobs.running_on(fleet):
            self._scheduler.lose(job, planned=planned)

    async def leaving(self, fleet: str) -> None:
        """Take note that the node of `fleet` is being preempted: its next stop counts against no step."""
        self._scheduler.leaving.add(fleet)
        for job in self._scheduler.jobs.running_on(fleet):
            self._scheduler.watch(job)

    async def allow(self, allowance: Allowance) -> None:
        """Lease steps on these terms from now on; those that are leased stay so."""
        self._meter.allow(allowance)

    async def status(self) -> BrokerStatus:
        """The state of all jobs and fleets."""
        self._scheduler.expire()
        jobs, first = self._scheduler.jobs, self._scheduler.queue.first
        return BrokerStatus(
            born=self._born,
            states=jobs.counts,
            fleets=len(self._fleets),
            running=jobs.running,
            trained=self._meter.trained,
            trained_seconds=self._meter.seconds,
            newest=tuple(islice(reversed(self._trained_by), NEWEST))[::-1],
            troubles=jobs.troubles,
            allowance=self._meter.allowance,
            next_seconds=self._meter.estimate(first.step) if first else 0.0,
            stalled=first is not None and not jobs.running and not self._leasing and not self._covers(first),
        )

    async def trained_by(self) -> dict[str, str]:
        """The fleet that trained each step that was committed since this process started, by the step's key."""
        return self._trained_by

    async def failures(self) -> dict[str, str]:
        """Why steps that trials share have failed for good, by their keys."""
        failed = (job for job in self._scheduler.jobs if job.state == "failed" and job.final and not job.scope)
        return {job.step.key: job.reason for job in failed}

    async def run_last(self, function: FleetFunction) -> Any:
        """What the function gives on one fleet, the first that asks for a step, as the last thing that any does.

        No more steps are leased: the other fleets end meanwhile, and that one once it has answered.

        Raises:
            FleetCallFailed: the fleet raised an error, or the broker closed before.
        """
        answer = self._calls.add(function)
        self._ending = True
        self._scheduler.queue.wake_all()
        return await answer

    async def answer(self, number: int, answer: object) -> None:
        """Take a fleet's answer to a call."""
        self._calls.answer(number, answer)

    async def fail_call(self, number: int, reason: str) -> None:
        """Take note that a fleet could not answer a call."""
        self._calls.fail(number, reason)

    async def give_up(self, reason: str) -> None:
        """Fail every unfinished job with this reason: no fleet is left."""
        self._scheduler.give_up(reason)

    async def close(self) -> None:
        """Lease no more steps: fleets end at their next request, and the leases in the store are released."""
        self._closed = True
        self._calls.fail_all("the broker has closed")
        self._scheduler.queue.wake_all()
        await self.store.close()

    def _left(self, job: Job) -> float:
        return self._meter.total(self._steps.chain(job.step.key))

    def _covers(self, job: Job) -> bool:
        at_work = chain(self._scheduler.jobs.in_training, (one.step for one in self._leasing))
        return self._meter.covers(job.step, at_work)

    async def _lease(self, job: Job, fleet: str) -> Grant | None:
        """Lease a queued job; None where another sweep has it, or none is leased any more."""
        self._scheduler.queue.discard(job)
        self._leasing[job] = None
        try:
            acquired = await self._scheduler.acquire(job)
        finally:
            del self._leasing[job]
        if not acquired or self._ending or self._closed:
            return None
        self._scheduler.start(job, fleet)
        return self._grant(job, fleet)

    async def _read(self, jobs: Sequence[Job], scope: str) -> dict[str, StepResult]:
        try:
            return await self.store.results(scope, [job.step.key for job in jobs])
        except Exception as error:
            raise StepFailed(f"{jobs[0].step.title}: its result could not be looked up: {error}") from error

    def _grant(self, job: Job, fleet: str) -> Grant:
        """The lease, with the steps that the fleet does not have."""
        sent = self._sent.setdefault(fleet, set())
        if len(sent) > KNOWN_STEPS:
            sent.clear()
        nodes = tuple(self._steps.nodes(job.step.key, sent))
        sent.update(node.key for node in nodes)
        return Grant(key=job.step.key, scope=job.scope, nodes=nodes)
