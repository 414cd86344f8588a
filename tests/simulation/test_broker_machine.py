"""The broker as a state machine: whatever its callers do, and in whatever order, every request is answered rightly."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from atlas.execution.allowance import Allowance
from atlas.execution.broker import Broker
from atlas.execution.job import StepFailed
from atlas.execution.messages import Grant
from atlas.execution.scheduler import LEASE_SECONDS, LEAVING_SECONDS
from atlas.learners import Schedule, TwoStage
from atlas.simulation import MemoryStore, SyntheticLandscape
from atlas.simulation.broker_handle import BrokerHandle, VirtualClock
from atlas.simulation.memory_store import MemoryStoreView
from atlas.simulation.virtual_time import VirtualLoop
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk
from atlas.storage.step_result import StepResult

T = TypeVar("T")
TASKS = ("a", "b", "c")
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
GRAPH = WalkGraph(StepInputs(backbone="b", data={task: task for task in TASKS}))
STEPS = GRAPH.distinct(Walk(order=order, learner=LEARNER, seed=0) for order in permutations(TASKS))
LANDSCAPE = SyntheticLandscape(tasks=TASKS)
FLEETS = ("one", "two", "three")


@dataclass
class Held:
    """A lease that a fleet believes in, and the time of its last renewal at a broker that is alive."""

    step: Step
    renewed: float


class BrokerMachine(RuleBasedStateMachine):
    """Trials request, fleets lease, renew, commit, fail, leave, die and fall silent, results are lost from the store.

    Meanwhile the broker restarts, is paused and gives all up, and time passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.store = MemoryStore()
        self.held: dict[str, Held] = {}
        self.requests: list[tuple[Step, asyncio.Task[list[StepResult]]]] = []
        self.references: list[tuple[Step, asyncio.Task[list[StepResult | None]]]] = []
        self.failed: set[str] = set()  # keys of steps that failed for good, as far as the broker that is alive knows
        self.ever_failed: set[str] = set()
        self.lost: set[str] = set()  # keys of steps whose results were lost at some time
        self.leaving: set[str] = set()
        self.paused = False

    @initialize()
    def start(self) -> None:
        async def make() -> BrokerHandle:
            return BrokerHandle(lambda: Broker(MemoryStoreView(self.store, "sweep"), clock=VirtualClock()))

        self.handle = self.wait_for(make())
        for fleet in FLEETS:
            self.wait_for(self.handle.call(lambda broker, fleet=fleet: broker.hello(fleet, 1)))

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(number=st.integers(0, len(STEPS) - 1))
    def request(self, number: int) -> None:
        step = STEPS[number]
        self.requests.append((step, self.loop.create_task(self.handle.request([step]))))
        self.wait_for(asyncio.sleep(0))

    @rule(number=st.integers(0, len(STEPS) - 1))
    def request_as_a_reference(self, number: int) -> None:
        step = STEPS[number]
        self.references.append((step, self.loop.create_task(self.handle.request_trainable([step]))))
        self.wait_for(asyncio.sleep(0))

    @rule(fleet=st.sampled_from(FLEETS))
    def lease(self, fleet: str) -> None:
        if fleet in self.held:
            return
        grant = self.wait_for(self.handle.call(lambda broker: broker.lease(fleet, 0.0)))
        if isinstance(grant, Grant):
            step = GRAPH[grant.key]
            assert not self.paused, "a step is leased in a pause"
            assert step.key not in self.failed, "a step that failed for good is leased"
            assert ("", step.key) not in self.store.results, "a finished step is leased"
            if missing := {
                past.key for past in step.chain() if past is not step and ("", past.key) not in self.store.results
            }:
                assert missing <= self.lost, "a parent is missing that was never there"
                self.tell_failure(step, "a step that it builds on is missing", final=False)
                return
            for name, other in self.held.items():
                lasts = LEAVING_SECONDS if name in self.leaving else LEASE_SECONDS
                presumed_lost = self.loop.time() - other.renewed > lasts
                assert other.step is not step or presumed_lost, "two fleets hold a living lease of one step"
            self.held[fleet] = Held(step, self.loop.time())

    @rule(fleet=st.sampled_from(FLEETS))
    def renew(self, fleet: str) -> None:
        if held := self.held.get(fleet):
            self.wait_for(self.handle.tell([held.step], lambda broker: broker.renew(fleet, held.step.key, "", 0.5)))
            self.forget_leases(held.step)  # of two fleets that have a step, the broker knows the one that renews
            held.renewed = self.loop.time()

    @rule(fleet=st.sampled_from(FLEETS))
    def commit(self, fleet: str) -> None:
        if held := self.held.pop(fleet, None):
            self.store.commit(("", held.step.key), LANDSCAPE.result(held.step))
            self.wait_for(self.handle.tell([held.step], lambda broker: broker.done(held.step.key, "", 1.0)))

    def tell_failure(self, step: Step, reason: str, *, final: bool) -> None:
        self.wait_for(
            self.handle.tell([step], lambda broker: broker.failed(step.key, "", f"broken: {reason}", final=final))
        )

    @rule(fleet=st.sampled_from(FLEETS), final=st.booleans())
    def fail(self, fleet: str, final: bool) -> None:
        if held := self.held.pop(fleet, None):
            trained = ("", held.step.key) in self.store.results or held.step.key in self.lost
            self.tell_failure(held.step, "the loss became nan", final=final)
            self.forget_leases(held.step)
            if final and not trained:
                self.failed.add(held.step.key)
                self.ever_failed.add(held.step.key)

    @rule(fleet=st.sampled_from(FLEETS))
    def leave(self, fleet: str) -> None:
        self.wait_for(self.handle.call(lambda broker: broker.leaving(fleet)))
        self.leaving.add(fleet)

    @precondition(lambda self: self.store.results)
    @rule(number=st.integers(0, 99))
    def lose(self, number: int) -> None:
        job_key = sorted(self.store.results)[number % len(self.store.results)]
        del self.store.results[job_key]
        self.lost.add(job_key[1])

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.wait_for(self.handle.call(lambda broker: broker.allow(Allowance(paused=paused))))
        self.paused = paused

    @precondition(lambda self: not self.held)
    @rule()
    def give_up(self) -> None:
        self.wait_for(self.handle.call(lambda broker: broker.give_up("broken: no fleet is left")))

    def forget_leases(self, step: Step | None = None) -> None:
        """The broker counts on none of the leases, of a step, until they are renewed."""
        for held in self.held.values():
            if step is None or held.step is step:
                held.renewed = -LEASE_SECONDS - 1

    @rule(fleet=st.sampled_from(FLEETS))
    def die(self, fleet: str) -> None:
        self.held.pop(fleet, None)
        self.leaving.discard(fleet)
        self.wait_for(self.handle.call(lambda broker: broker.hello(fleet, 1)))

    @rule(seconds=st.sampled_from([0.5, 30.0, LEASE_SECONDS + 1]))
    def wait(self, seconds: float) -> None:
        self.wait_for(asyncio.sleep(seconds))

    @precondition(lambda self: self.requests)
    @rule()
    def restart(self) -> None:
        async def now() -> None:
            self.handle.restart()

        self.wait_for(now())
        self.forget_leases()
        self.failed, self.leaving, self.paused = set(), set(), False
        self.wait_for(asyncio.sleep(0))

    @invariant()
    def counts_are_those_of_the_jobs(self) -> None:
        jobs = self.handle.alive._scheduler.jobs
        status = self.wait_for(self.handle.call(lambda broker: broker.status()))
        assert all(count >= 0 for count in status.states.values())
        assert len(status.running) == status.count("running")
        assert {job.fleet for job in jobs.running_on("one")} <= {"one"}

    @invariant()
    def finished_requests_have_the_landscapes_results(self) -> None:
        for step, answer in self.requests:
            if answer.done() and answer.exception() is None:
                assert answer.result() == [LANDSCAPE.result(step)]
        for step, reference in self.references:
            if reference.done() and reference.exception() is None:
                past = {one.key for one in step.chain()}
                assert reference.result() == [LANDSCAPE.result(step)] or (
                    reference.result() == [None] and past & self.ever_failed
                )

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()

    def finish(self) -> None:
        """One fleet works off all that is left: then every request is answered, or says that its step was given up."""
        self.held.clear()
        self.pause(False)
        for fleet in FLEETS:
            self.wait_for(self.handle.call(lambda broker, fleet=fleet: broker.hello(fleet, 1)))
        self.wait_for(asyncio.sleep(2 * LEASE_SECONDS))
        for _ in range(6 * len(STEPS)):
            self.lease("one")
            self.commit("one")
        for step, answer in [*self.requests, *self.references]:
            assert answer.done(), f"the request of {step.title} is never answered"
            failure = answer.exception()
            assert failure is None or isinstance(failure, StepFailed), failure
            assert (
                failure is None or "workers died" in str(failure) or "broken" in str(failure) or "lost" in str(failure)
            )


BrokerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_the_broker_answers_every_request = BrokerMachine.TestCase
