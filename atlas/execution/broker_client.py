"""Calls of the broker's actor. Each step is described to it once; from then on its key stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from atlas.execution.allowance import UNBOUNDED, Allowance
from atlas.execution.broker import Broker
from atlas.execution.fleet_calls import FleetFunction
from atlas.execution.messages import Order, Unknown
from atlas.execution.scheduler import LEASE_SECONDS
from atlas.execution.status import BrokerStatus, Course
from atlas.execution.step_registry import StepNode, nodes_of
from atlas.execution.store_view import SharedStore
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult

if TYPE_CHECKING:
    from ray import ObjectRef

CALLS = 1_000_000  # at once: Ray's bound must never be reached, since waiting requests would keep leases waiting
CHUNK = 5000  # steps a call


@dataclass(frozen=True)
class BrokerClient:
    """A broker's actor. Its calls wait for the answer, except those that return an ObjectRef. Picklable.

    `timeout` in seconds (None: without end), after which a call raises TimeoutError.
    """

    actor: Any
    timeout: float | None = None

    @classmethod
    def start(
        cls,
        store_uri: str,
        owner: str,
        *,
        name: str | None = None,
        namespace: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        allowance: Allowance | None = UNBOUNDED,
    ) -> BrokerClient:
        """Start a broker on the connected cluster; Ray restarts it, and repeats calls, without end.

        One without an `allowance` leases nothing until it is told one, after each restart again.
        """
        import ray

        forever = {"max_restarts": -1, "max_task_retries": -1}
        actor = ray.remote(Broker).options(name=name, namespace=namespace, num_cpus=0, max_concurrency=CALLS, **forever)
        return cls(actor.remote(SharedStore(store_uri, owner), lease_seconds, allowance=allowance))

    @classmethod
    def connect(cls, name: str, namespace: str) -> BrokerClient:
        """The broker of that name. Raises ValueError where there is none."""
        import ray

        return cls(ray.get_actor(name, namespace=namespace))

    def request(self, steps: Sequence[Step], scope: str = "") -> list[StepResult]:
        """The results of the steps, once all of them are trained.

        Raises:
            StepFailed: one of them cannot be trained.
        """
        results: list[StepResult] = self._call("request", steps, [step.key for step in steps], scope)
        return results

    def request_trainable(self, steps: Sequence[Step]) -> list[StepResult | None]:
        """As `request`, of steps that trials share, with None for one that has failed for good.

        Raises:
            StepFailed: one of them cannot be trained now.
        """
        results: list[StepResult | None] = self._call("request_trainable", steps, [step.key for step in steps])
        return results

    def anticipate(self, steps: Sequence[Step], scope: str = "") -> None:
        """Queue steps before they are requested."""
        for start in range(0, len(steps), CHUNK):
            chunk = steps[start : start + CHUNK]
            self._call("anticipate", chunk, [step.key for step in chunk], scope)

    def describe(self, steps: Iterable[Step]) -> None:
        """Describe those of the steps, and of all that they build on, that the broker does not know."""
        nodes = {node.key: node for node in nodes_of(steps)}
        while unknown := set(self._get(self.actor.unknown.remote(list(nodes)))):  # again if it is restarted meanwhile
            missing = [node for node in nodes.values() if node.key in unknown]
            for start in range(0, len(missing), CHUNK):
                self._get(self.actor.describe.remote(missing[start : start + CHUNK]))

    def hello(self, fleet: str, workers: int) -> None:
        """Register a fleet that has (re)started with so many workers."""
        self._get(self.actor.hello.remote(fleet, workers))

    def leaving(self, fleet: str) -> None:
        """Tell that the node of a fleet is being preempted."""
        self._get(self.actor.leaving.remote(fleet))

    def lease(self, fleet: str, wait: float) -> Order:
        """The next call or step; None after `wait` seconds without one, "close" when the broker has closed."""
        return cast(Order, self._get(self.actor.lease.remote(fleet, wait)))

    def nodes(self, key: str) -> tuple[StepNode, ...]:
        """The nodes of a leased step and of all that it builds on."""
        return cast(tuple[StepNode, ...], self._get(self.actor.nodes.remote(key)))

    def renew(self, fleet: str, step: Step, scope: str, progress: float, course: Course | None = None) -> None:
        """Renew the lease of a step, `progress` in [0, 1], with its loss and speed."""
        self._call("renew", [step], fleet, step.key, scope, progress, course)

    def done(self, step: Step, scope: str, seconds: float) -> None:
        """Tell that a step was committed, after `seconds`."""
        self._call("done", [step], step.key, scope, seconds)

    def failed(self, step: Step, scope: str, reason: str, *, final: bool, own: bool = False) -> None:
        """Tell that a step failed, for ever or to be retried; `own`: at a line of a user's file."""
        self._call("failed", [step], step.key, scope, reason, final=final, own=own)

    def status(self, timeout: float | None = None) -> BrokerStatus:
        """The state of all jobs and fleets. Raises TimeoutError where there is no answer within `timeout` seconds."""
        return cast(BrokerStatus, replace(self, timeout=timeout)._get(self.actor.status.remote()))

    def allow(self, allowance: Allowance) -> ObjectRef:
        """Have it lease steps on these terms."""
        return self.actor.allow.remote(allowance)

    def trained_by(self, timeout: float | None = None) -> Mapping[str, str]:
        """The fleet that trained each step, by the step's key. Raises TimeoutError as `status` does."""
        return cast(Mapping[str, str], replace(self, timeout=timeout)._get(self.actor.trained_by.remote()))

    def failures(self, timeout: float | None = None) -> Mapping[str, str]:
        """Why steps that trials share have failed for good, by their keys. Raises TimeoutError as `status` does."""
        return cast(Mapping[str, str], replace(self, timeout=timeout)._get(self.actor.failures.remote()))

    def run_last(self, function: FleetFunction) -> ObjectRef:
        """Have one fleet run the function, and all end; the promise raises FleetCallFailed where it raises, or the
        broker closes before.
        """
        return self.actor.run_last.remote(function)

    def answer(self, number: int, answer: object) -> None:
        """Send the answer to a call."""
        self._get(self.actor.answer.remote(number, answer))

    def fail_call(self, number: int, reason: str) -> None:
        """Tell that a call could not be answered."""
        self._get(self.actor.fail_call.remote(number, reason))

    def give_up(self, reason: str) -> ObjectRef:
        """Fail every unfinished job with this reason."""
        return self.actor.give_up.remote(reason)

    def close(self) -> ObjectRef:
        """Lease no more steps."""
        return self.actor.close.remote()

    def _call(self, method: str, steps: Sequence[Step], *arguments: Any, **named: Any) -> Any:
        """Call a method that names steps by their keys; a broker that does not know them has them described first."""
        while isinstance(answer := self._get(getattr(self.actor, method).remote(*arguments, **named)), Unknown):
            self.describe(steps)
        return answer

    def _get(self, promise: ObjectRef) -> Any:
        import ray

        try:
            return ray.get(promise, timeout=self.timeout)
        except ray.exceptions.GetTimeoutError as error:
            raise TimeoutError(f"no answer within {self.timeout:.0f} s") from error
