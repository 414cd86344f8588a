"""The training of a running sweep: its broker, and the fleets that it leases steps to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.execution.fleet_calls import FleetFunction
from atlas.execution.fleets import Fleets
from atlas.runtime.error_log import ErrorLog
from atlas.sweep.broker_actor import BrokerActor

if TYPE_CHECKING:
    from ray import ObjectRef

ASK_SECONDS = 5.0  # for what a sweep can do without
JOIN_SECONDS = 20.0


@dataclass(frozen=True)
class Training:
    """A broker and its fleets. A context manager that closes both; the fleets end in their own time.

    After an error they are waited for: a thread that still talks to Ray while it shuts down can end the process before
    the error is shown.
    """

    broker: BrokerActor
    fleets: Fleets

    def __enter__(self) -> Training:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is not None and issubclass(kind, Exception):
            self.fleets.join(JOIN_SECONDS)

    def close(self) -> None:
        """Lease no more steps, and restart no fleet."""
        self.fleets.close()
        self.broker.close()

    def trained_by(self) -> Mapping[str, str]:
        """The fleet that trained each step, by the step's key, as far as the broker knows; empty where it is away."""
        with ErrorLog().noted("asking which fleet trained which step"):
            return self.broker.client.trained_by(ASK_SECONDS)
        return {}

    def failures(self) -> Mapping[str, str]:
        """Why steps that trials share have failed for good, by their keys; empty where the broker is away."""
        with ErrorLog().noted("asking which steps failed"):
            return self.broker.client.failures(ASK_SECONDS)
        return {}

    def run_last(self, function: FleetFunction) -> ObjectRef | None:
        """The promise of what the function gives on a fleet, as the last thing that any does; None where there is none.

        For the end of a sweep that trains no more: the other fleets end meanwhile.
        """
        return self.broker.client.run_last(function) if self.fleets.state.living else None
