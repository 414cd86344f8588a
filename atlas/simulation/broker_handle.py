"""The broker of a simulated sweep, which may be killed and restarted while others call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from atlas.execution.broker import Broker
from atlas.execution.messages import Unknown
from atlas.execution.step_registry import nodes_of
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult

T = TypeVar("T")


class VirtualClock:
    """The clock of the running loop, as the broker needs it (`Clock`)."""

    def monotonic(self) -> float:
        """Virtual seconds since the loop's beginning."""
        return asyncio.get_running_loop().time()

    async def wait(self, event: asyncio.Future[None], seconds: float) -> None:
        """Wait until `event` is done, `seconds` at most."""
        await asyncio.wait([event], timeout=seconds)


class BrokerHandle:
    """The broker that is alive; `make` starts one. Calls of a broker that is killed are made again at the next one.

    So does Ray with the calls of an actor that it restarts. Between the virtual times of each of the `silences` it
    answers nobody.
    """

    def __init__(self, make: Callable[[], Broker], silences: Sequence[tuple[float, float]] = ()) -> None:
        self._make, self._silences = make, silences
        self.alive = make()
        self._open: set[asyncio.Future[Any]] = set()  # calls without an answer yet
        self._described: set[str] = set()  # keys of the steps that the broker was told of

    def restart(self) -> None:
        """Kill the broker, and start another one, which knows nothing."""
        self.alive = self._make()
        self._described.clear()
        for work in self._open:
            work.cancel()

    async def call(self, method: Callable[[Broker], Coroutine[Any, Any, T]]) -> T:
        """The broker's answer."""
        while (left := self._silent()) > 0:
            await asyncio.sleep(left)
        while True:
            work = asyncio.ensure_future(method(self.alive))
            self._open.add(work)
            try:
                return await work
            except asyncio.CancelledError:
                caller = asyncio.current_task()
                if caller is None or caller.cancelling():
                    raise
            finally:
                self._open.discard(work)

    def at_once(self, method: Callable[[Broker], Coroutine[Any, Any, T]]) -> T:
        """The answer of a call that waits for nothing. Raises TimeoutError while the broker is silent."""
        if self._silent() > 0:
            raise TimeoutError("no answer")
        work = method(self.alive)
        try:
            work.send(None)
        except StopIteration as done:
            answer: T = done.value
            return answer
        finally:
            work.close()
        raise AssertionError("the call waits for something")

    def _silent(self) -> float:
        """For how many more seconds it answers nobody."""
        if not self._silences:
            return 0.0
        now = asyncio.get_running_loop().time()
        return max((end - now for begin, end in self._silences if begin <= now < end), default=0.0)

    async def tell(self, steps: Sequence[Step], method: Callable[[Broker], Coroutine[Any, Any, T | Unknown]]) -> T:
        """The broker's answer; one that does not know the steps has them described first."""
        while isinstance(answer := await self.call(method), Unknown):
            await self.describe(steps)
        return answer

    async def describe(self, steps: Sequence[Step]) -> None:
        """Describe the steps and what they build on, but for those that this broker was told of."""
        told, nodes = self.alive, tuple(nodes_of(steps, self._described))
        await self.call(lambda broker: broker.describe(nodes))
        if told is self.alive:
            self._described.update(node.key for node in nodes)

    async def anticipate(self, steps: Sequence[Step], scope: str = "") -> None:
        """Queue steps before they are requested."""
        await self.tell(steps, lambda broker: broker.anticipate([step.key for step in steps], scope))

    async def request_trainable(self, steps: Sequence[Step]) -> list[StepResult | None]:
        """As `request`, of shared steps, with None for one that has failed for good. Raises StepFailed for others."""
        return await self.tell(steps, lambda broker: broker.request_trainable([step.key for step in steps]))

    async def request(self, steps: Sequence[Step], scope: str = "") -> list[StepResult]:
        """The results of the steps. Raises StepFailed where one of them cannot be trained."""
        return await self.tell(steps, lambda broker: broker.request([step.key for step in steps], scope))
