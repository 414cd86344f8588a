"""The spaces that sweeps search: task orders as a tree of prefixes, and a learner's settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import UserError
from atlas.runtime.text import by_number, counted

if TYPE_CHECKING:
    import optuna

Order = tuple[str, ...]
AFTER = "after "
MOST_ORDERS = 100_000
"""The most orders that one sweep walks: all of 8 tasks (40,320), a sample of those of 9 (362,880)."""


def prefix_name(prefix: Sequence[str]) -> str:
    """The name of the choice made after `prefix`: one categorical parameter for each node of the tree."""
    return AFTER + (" > ".join(prefix) if prefix else "nothing")


def is_order_choice(name: str) -> bool:
    """Whether a parameter of that name chooses the next task of an order."""
    return name.startswith(AFTER)


def params_of(order: Order) -> dict[str, Any]:
    """The parameters that spell an order; `order_of` is the inverse."""
    return {prefix_name(order[:position]): task for position, task in enumerate(order[:-1])}


def suggest_order(trial: optuna.Trial, tasks: Order) -> Order:
    """An order of `tasks`, suggested task by task, so that trials with a common prefix share its steps."""
    order: list[str] = []
    left = list(tasks)
    while len(left) > 1:
        chosen = trial.suggest_categorical(prefix_name(order), left)
        order.append(chosen)
        left.remove(chosen)
    return (*order, *left)


def order_of(params: dict[str, Any], tasks: Order) -> Order | None:
    """The order that an Optuna trial's parameters spell, or None where they are not complete."""
    order: list[str] = []
    left = list(tasks)
    while len(left) > 1:
        chosen = params.get(prefix_name(order))
        if chosen is None:
            return None
        order.append(chosen)
        left.remove(chosen)
    return (*order, *left)


def order_count(tasks: Order) -> int:
    """The number of orders: T!."""
    return math.factorial(len(tasks))


def named_orders(tasks: Order, count: int) -> tuple[Order, ...]:
    """A few orders that differ much: as given, reversed, then their rotations, each task early once and late once.

    Raises UserError for more orders than there are.
    """
    if not 1 <= count <= order_count(tasks):
        raise UserError(
            f"{counted(count, 'order')} of {counted(len(tasks), 'task')}; there "
            f"{by_number(order_count(tasks), 'is', 'are')} "
            f"{order_count(tasks):,}: give 1 to that."
        )
    turned = [tasks[i:] + tasks[:i] for i in range(len(tasks))]
    candidates = [order for forward in turned for order in (forward, forward[::-1])]
    candidates += islice(permutations(tasks), count) if count > len(set(candidates)) else []
    return tuple(dict.fromkeys(candidates))[:count]


Space = Callable[["optuna.Trial"], dict[str, Any]]
