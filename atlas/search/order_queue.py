"""Orders and other trials that people ask a running search for, proposed before what its sampler draws."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from atlas.config.space import Order
from atlas.config.trial import Parameter

Parameters: TypeAlias = Mapping[str, Parameter]


@dataclass
class OrderQueue:
    """Orders that wait to be proposed, each once; those `seen` were proposed, or are known from an earlier run.

    `points` are the parameters of other trials that wait, each proposed once, and of those that are `known` not again.

    `add` may be called from any thread, `take` from the one that runs the search.
    """

    _waiting: deque[Order] = field(default_factory=deque)
    _seen: set[Order] = field(default_factory=set)
    _points: deque[Parameters] = field(default_factory=deque)
    _known: list[Parameters] = field(default_factory=list)

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

    def add_point(self, parameters: Parameters) -> None:
        """Append a trial by its parameters."""
        self._points.append(parameters)

    def has_point(self, parameters: Parameters) -> bool:
        """Whether a trial of these parameters waits."""
        return parameters in self._points

    def know_point(self, parameters: Parameters) -> None:
        """Take note of a trial that was begun already, with at least these parameters."""
        self._known.append(parameters)

    def take_points(self) -> list[Parameters]:
        """The parameters of the trials that are to be proposed now; they wait no longer."""
        taken: list[Parameters] = []
        while self._points:
            point = self._points.popleft()
            if not any(point.items() <= known.items() for known in self._known):
                self._known.append(point)
                taken.append(point)
        return taken

    def take(self) -> list[Order]:
        """The orders that are to be proposed now; they wait no longer."""
        taken = []
        while self._waiting:
            order = self._waiting.popleft()
            if order not in self._seen:
                self._seen.add(order)
                taken.append(order)
        return taken
