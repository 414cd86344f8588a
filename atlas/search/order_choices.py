"""Orders as the parameters of an Optuna trial that spell them, their replicates, and the orders near one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Order: TypeAlias = tuple[str, ...]
Choices: TypeAlias = Callable[[Order], Sequence[str]]
AFTER = "after "  # parameters of an order begin so
REPLICATE = AFTER + "the last task"
"""The parameter that numbers the trials of one order with the same settings: 0, 1, …; an objective's choice of seed."""


def prefix_name(prefix: Sequence[str]) -> str:
    """The parameter that chooses the task after `prefix`."""
    return AFTER + (" > ".join(prefix) if prefix else "nothing")


def order_in(
    params: Mapping[str, Any], tasks: Order, choices: Choices | None = None, length: int | None = None
) -> Order:
    """The order, or its prefix, that a trial's parameters spell. A task without an alternative needs no parameter.

    An order takes `length` of the tasks (default: all).
    """
    order: Order = ()
    while len(order) < (length or len(tasks)):
        following = choices(order) if choices else [task for task in tasks if task not in order]
        chosen = following[0] if len(following) == 1 else params.get(prefix_name(order))
        if chosen not in following:
            break
        order = (*order, str(chosen))
    return order


def next_replicate(taken: Counter[Any], numbers: range) -> int:
    """The first number that fewest of the trials of the same order and settings have."""
    return min(numbers, key=lambda number: taken[number])


def neighbours(order: Order, fixed: int, choices: Choices | None = None, absent: Sequence[str] = ()) -> list[Order]:
    """The orders one move of a task away, or one swap, that the choices allow; the first `fixed` tasks stay.

    A task may be swapped for one of those that are `absent` from the order, too.
    """
    found: list[Order] = []
    for one in range(fixed, len(order)):
        rest = (*order[:one], *order[one + 1 :])
        found += [(*rest[:to], order[one], *rest[to:]) for to in range(fixed, len(order)) if to != one]
        found += [(*order[:one], other, *order[one + 1 :]) for other in absent]
        for other in range(one + 2, len(order)):
            swapped = list(order)
            swapped[one], swapped[other] = order[other], order[one]
            found.append(tuple(swapped))
    return [one for one in found if not choices or all(task in choices(one[:at]) for at, task in enumerate(one))]
