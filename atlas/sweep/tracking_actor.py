"""The tracking actor, which holds a sweep's tracker, and its typed client."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from atlas.cluster.actor_calls import log_failure
from atlas.runtime.errors import InfrastructureError, UserError
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.serving.registered_model import RegisteredModel
from atlas.storage.store import Store
from atlas.sweep.adapter_sink import AdapterSink
from atlas.tracking import EXPERIMENT, ControlTag, Event, Sink, Tracker, credentials, open_sink

if TYPE_CHECKING:
    from ray import ObjectRef

NICENESS = 10  # it shares its node with training, and its events can wait
REST_SECONDS = 10.0  # until its sink is first told, unless trials begin: fleets have better use for the CPUs at first
REGISTER_FLUSH_SECONDS = 60.0
ANSWER_SECONDS = 60.0  # beyond the time that a call may take by itself
REGISTRY = "registry"  # registering has a thread of its own: events are recorded meanwhile
CONTROL = "control"  # so has the tag by which people control the sweep
MOST_PROBLEMS = 3  # that the end of a sweep names


@dataclass(frozen=True, kw_only=True)
class TrackingEnd:
    """What a sink has of a sweep: whether all of its journal, the `trouble` where not, and the `problems` of events."""

    complete: bool
    trouble: str = ""
    problems: tuple[str, ...] = ()

    def lines(self, spool: Path) -> list[str]:
        """What the sink lacks, a line each; none where it has everything."""
        lines: list[str] = []
        if not self.complete:
            lines.append(f"has not taken everything yet; the rest waits in {spool}")
        if not self.complete and self.trouble:
            lines.append(f"when last tried: {self.trouble}")
        lines += [f"lacks {first_line(problem)}" for problem in self.problems[:MOST_PROBLEMS]]
        if (more := len(self.problems) - MOST_PROBLEMS) > 0:
            lines.append(f"lacks {more} more: see {spool / 'refused.jsonl'}, and the log of the sweep's tracking actor")
        return lines


class TrackingActor:
    """The one writer to a sweep's sink. Killed, it is started again and replays its journal."""

    def __init__(self, tracking_uri: str, spool: Path, store_uri: str, credentials: Mapping[str, str]) -> None:
        """Adapters are those of the store. `credentials` are environment variables; not those of a runtime environment,
        since Ray shows these.
        """
        os.environ.update(credentials)
        os.nice(NICENESS)
        self.sink = open_sink(tracking_uri)
        self._adapters = AdapterSink(self.sink, Store.at(store_uri))
        self.tracker = Tracker(self._adapters, spool, rest=REST_SECONDS)
        self._tags: dict[str, ControlTag] = {}
        self._recorded = False

    def record(self, event: Event) -> None:
        """Append the event to the journal; not after `finish`: by then the sweep's end is in it."""
        if self.tracker.is_open:
            self.tracker.record(event)
            self._recorded = True

    def finish(self, timeout: float) -> TrackingEnd:
        """Flush and close; what the sink has not taken yet stays in the journal."""
        complete = self.tracker.close(timeout)
        problems = (*self.tracker.problems, *self._adapters.missing.values())
        return TrackingEnd(complete=complete, trouble=self.tracker.trouble, problems=problems)

    def register_model(self, model: RegisteredModel) -> str:
        """Log the model and register it; gives its URI.

        Raises:
            UserError: the sink has no registry, or has not taken the steps yet.
        """
        from atlas.serving.registered_model import register

        if self.sink.registry is None:
            raise UserError(f"{self.sink.name} has no model registry")
        if not self.tracker.flush(REGISTER_FLUSH_SECONDS):
            raise InfrastructureError(f"{self.sink.name} has not taken the steps yet, of which the model is made")
        return register(model, self.sink.registry, EXPERIMENT)

    def control_words(self, sweep: str) -> str:
        """The words of the tag by which people control the sweep; empty where it is not set.

        Not before the sink has taken events: the first one may create its database, which a reader must not do beside.
        """
        return self._control_tag(sweep).words() if self._recorded and not self.tracker.pending else ""

    def clear_control(self, sweep: str) -> None:
        """Take that tag away."""
        self._control_tag(sweep).clear()

    def answer_control(self, sweep: str, words: str) -> None:
        """Show what became of its words."""
        self._control_tag(sweep).answer(words)

    def _control_tag(self, sweep: str) -> ControlTag:
        if sweep not in self._tags:
            self._tags[sweep] = ControlTag(self.sink.address, sweep)
        return self._tags[sweep]


class Recorder(Protocol):
    """Takes events: a `TrackingClient`, a `TrackingActor`, or a list in tests."""

    def record(self, event: Event) -> None:
        """Take an event."""


@dataclass(frozen=True)
class Registration:
    """A model that is being registered, or why there is none."""

    promise: ObjectRef | None = None
    reason: str = ""

    def result(self) -> str:
        """The model's URI, or why there is none: a sweep ends well even where its sink did not take the model."""
        import ray

        if self.promise is None:
            return f"none: {self.reason}"
        try:
            return str(ray.get(self.promise))
        except ray.exceptions.RayError as error:  # of the call, or of the actor
            return f"not registered: {redacted(first_line(getattr(error, 'cause', error)))}"


class TrackingClient:
    """Typed client of a tracking actor."""

    def __init__(self, tracking_uri: str, spool: Path, store_uri: str) -> None:
        """Start the actor on this node, where the journal and the default database are."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
        self.sink: Sink = open_sink(tracking_uri)
        grouped: Any = ray.remote(concurrency_groups={REGISTRY: 1, CONTROL: 1})  # type: ignore[call-overload]  # Ray's types lack it
        self._actor: Any = (
            grouped(TrackingActor).options(**options).remote(tracking_uri, spool, store_uri, credentials())
        )
        self._unanswered: list[ObjectRef] = []

    def record(self, event: Event) -> None:
        """Send the event without waiting; a failure is logged."""
        promise = self._actor.record.remote(event)
        log_failure(promise, f"recording {event.kind} of {event.key}")
        self._settle(0.0)
        self._unanswered.append(promise)

    def record_durably(self, event: Event, timeout: float) -> None:
        """Send the event once all before it are in the journal, and wait until it is there, too.

        Raises:
            InfrastructureError: it is not after `timeout` seconds.
        """
        import ray

        deadline = time.monotonic() + timeout
        self._settle(timeout)
        try:
            ray.get(self._actor.record.remote(event), timeout=max(0.0, deadline - time.monotonic()))
        except ray.exceptions.GetTimeoutError as error:
            raise InfrastructureError(f"{event.kind} is not in the journal after {timeout:.0f} s") from error

    def finish(self, timeout: float) -> TrackingEnd:
        """Wait at most `timeout` seconds until the sink has everything, and close."""
        import ray

        self._settle(timeout)
        ended: TrackingEnd = ray.get(self._actor.finish.remote(timeout), timeout=timeout + ANSWER_SECONDS)
        return ended

    def register(self, model: RegisteredModel | None) -> Registration:
        """Begin to register the best trial's model, once the sink has its steps."""
        if model is None:
            return Registration(reason="no trial finished")
        return Registration(promise=self._actor.register_model.options(concurrency_group=REGISTRY).remote(model))

    def control_tag(self, sweep: str) -> RemoteControlTag | None:
        """The tag by which people control the sweep; None where the sink has none."""
        return RemoteControlTag(self._actor, sweep) if self.sink.registry is not None else None

    def _settle(self, timeout: float) -> None:
        """Wait for the events that were sent: where the actor is started again, Ray sends some after later ones."""
        import ray

        if self._unanswered:
            _, self._unanswered = ray.wait(self._unanswered, num_returns=len(self._unanswered), timeout=timeout)


@dataclass(frozen=True)
class RemoteControlTag:
    """A `ControlTag` of the tracking actor, which has MLflow's client. Its calls raise Ray's errors."""

    actor: Any
    sweep: str

    def words(self) -> str:
        """The words; empty where it is not set."""
        return str(self._call("control_words", self.sweep))

    def clear(self) -> None:
        """Take the tag away."""
        self._call("clear_control", self.sweep)

    def answer(self, words: str) -> None:
        """Show what became of the words."""
        self._call("answer_control", self.sweep, words)

    def _call(self, method: str, *arguments: str) -> Any:
        import ray

        called = getattr(self.actor, method).options(concurrency_group=CONTROL).remote(*arguments)
        return ray.get(called, timeout=ANSWER_SECONDS)
