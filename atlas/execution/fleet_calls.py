"""Calls that a broker passes to fleets: functions that one fleet runs between two steps, with its backbone loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from atlas.runtime.errors import InfrastructureError

if TYPE_CHECKING:
    from atlas.steps.train import WorkerContext

FleetFunction: TypeAlias = "Callable[[WorkerContext], Any]"


class FleetCallFailed(InfrastructureError):
    """A fleet raised an error in a call, or no fleet will take it any more."""


@dataclass(frozen=True, kw_only=True)
class FleetCall:
    """A call on its way to a fleet, by its number."""

    number: int
    function: FleetFunction


@dataclass(eq=False)
class _Pending:
    call: FleetCall
    answer: asyncio.Future[Any]
    fleet: str = ""


@dataclass
class FleetCalls:
    """The calls that no fleet has answered yet, the oldest first. A fleet that asks again gets the one that it lost."""

    _pending: dict[int, _Pending] = field(default_factory=dict)
    _made: int = 0

    def add(self, function: FleetFunction) -> asyncio.Future[Any]:
        """Add a call; gives its answer to come."""
        self._made += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[self._made] = _Pending(FleetCall(number=self._made, function=function), answer)
        return answer

    def take(self, fleet: str) -> FleetCall | None:
        """The call that `fleet` is to run now; None where there is none for it."""
        for pending in self._pending.values():
            if pending.fleet in ("", fleet):
                pending.fleet = fleet
                return pending.call
        return None

    def answer(self, number: int, answer: object) -> None:
        """Pass a fleet's answer on; a second one, or one from before the broker's restart, is dropped."""
        if (pending := self._pending.pop(number, None)) is not None and not pending.answer.done():
            pending.answer.set_result(answer)

    def fail(self, number: int, reason: str) -> None:
        """End a call with FleetCallFailed."""
        if (pending := self._pending.pop(number, None)) is not None and not pending.answer.done():
            pending.answer.set_exception(FleetCallFailed(reason))

    def fail_all(self, reason: str) -> None:
        """End all calls with FleetCallFailed."""
        for number in list(self._pending):
            self.fail(number, reason)
