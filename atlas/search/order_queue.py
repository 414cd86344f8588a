"""Orders that people ask a running search for, to be proposed before what its sampler draws."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from atlas.config.space import Order


@dataclass
class OrderQueue:
    """Orders that wait to be proposed, each once; those `seen` were proposed, or are known from an earlier run.

    `add` may be called from any thread, `take` from the one that runs the search.
    """

    _waiting: deque[Order] = field(default_factory=deque)
    _seen: set[Order] = field(default_factory=set)

    def __reduce__(self) -> tuple[type[OrderQueue], tuple[()]]:
        """Tune saves it with its own state, beside other threads, and nobody restores that: a new one is empty."""
        return OrderQueue, ()

    def add(self, order: Order) -> None:
        """Append an order."""
        self._waiting.append(order)

    def has(self, order: Order) -> bool:
        """Whether the order waits."""
        return order in self._waiting

    def know(self, order: Order) -> None:
        """Take note that a trial walks the order already, so that it is not proposed again."""
        self._seen.add(order)

    def take(self) -> list[Order]:
        """The orders that are to be proposed now; they wait no longer."""
        taken = []
        while self._waiting:
            order = self._waiting.popleft()
            if order not in self._seen:
                self._seen.add(order)
                taken.append(order)
        return taken
