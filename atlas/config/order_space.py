"""Spaces of task orders under constraints, as Optuna spaces: a tree of prefixes, Lehmer digits, or random keys.

    space = OrderSpace(("a", "b", "c", "d"), before=(("a", "b"),), last=("d",))
    study.optimize(lambda trial: score(space.suggest(trial)), n_trials=20)

Any sampler takes any of them. The tree of prefixes has a categorical parameter a prefix, which tells a sampler what
trials share; Lehmer digits and random keys have as many numbers as tasks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations, pairwise, permutations
from math import perm
from typing import TYPE_CHECKING

from atlas.config.space import Order, prefix_name
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import counted

if TYPE_CHECKING:
    import optuna

Pair = tuple[str, str]


@dataclass(frozen=True)
class OrderSpace:
    """The orders of `tasks` that keep to all constraints.

    `before`: the first of each pair comes before the second. `first` and `last`: an order begins, or ends, with these
    tasks, as written. `together`: the tasks of each group, such as those of one modality, follow one another without
    others between. `length`: an order takes so many of the tasks (default: all).

    Raises:
        UserError: an unknown or repeated task, a length out of range, `length` together with `last` or groups, or
            constraints that no order keeps to.
    """

    tasks: Order
    before: tuple[Pair, ...] = ()
    first: Order = ()
    last: Order = ()
    together: tuple[Order, ...] = ()
    length: int | None = None

    def __post_init__(self) -> None:
        self._check_names()
        if self.length is not None and not 1 <= self.length <= len(self.tasks):
            raise UserError(
                f"orders of {counted(self.length, 'task')} of {len(self.tasks)}; give 1 to {len(self.tasks)}."
            )
        if self.length is not None and (self.last or self.together):
            raise UserError(f"orders of {self.length} of the tasks, with last tasks or groups; give one of the two.")
        if len(self.first) > self.size:
            raise UserError(
                f"orders of {self.size} of the tasks that begin with {','.join(self.first)}; name {self.size} at most."
            )
        if not self.count():
            raise UserError(f"no order of {', '.join(self.tasks)} keeps to {self.in_words()}; leave a constraint out.")

    @property
    def is_constrained(self) -> bool:
        """Whether it is less than all orders of all tasks."""
        return bool(self.before or self.first or self.last or self.together or self.length is not None)

    @property
    def size(self) -> int:
        """The number of tasks of an order."""
        return len(self.tasks) if self.length is None else self.length

    def choices(self, prefix: Order) -> list[str]:
        """The tasks that may come after a prefix, each with a whole order below it; none after a whole order."""
        placed = self._mask(prefix)
        return [self.tasks[number] for number in self._following(placed) if self._below(placed | 1 << number)]

    def count(self, prefix: Order = ()) -> int:
        """The number of orders that begin with a prefix."""
        return self._below(self._mask(prefix))

    def begins(self, prefix: Order) -> bool:
        """Whether an order begins with these tasks."""
        return all(task in self.choices(prefix[:place]) for place, task in enumerate(prefix))

    def orders(self, prefix: Order = ()) -> Iterator[Order]:
        """Every order that begins with a prefix, in the order of the tasks."""
        if not self.is_constrained:
            yield from ((*prefix, *rest) for rest in permutations([one for one in self.tasks if one not in prefix]))
            return
        if len(prefix) == self.size:
            yield prefix
            return
        for task in self.choices(prefix):
            yield from self.orders((*prefix, task))

    def suggest(self, trial: optuna.Trial) -> Order:
        """An order, suggested task by task: a categorical parameter a prefix, where more than one task may follow."""
        prefix: Order = ()
        while len(prefix) < self.size:
            choices = self.choices(prefix)
            chosen = trial.suggest_categorical(prefix_name(prefix), choices) if len(choices) > 1 else choices[0]
            prefix = (*prefix, str(chosen))
        return prefix

    def suggest_digits(self, trial: optuna.Trial) -> Order:
        """An order by Lehmer digits: each an integer parameter, the place of the next task among those that may come.

        A digit's range is that without constraints; with fewer choices several of its values are one task.
        """

        def digit(prefix: Order, choices: list[str]) -> str:
            left = len(self.tasks) - len(prefix)
            return choices[trial.suggest_int(f"digit {len(prefix) + 1}", 0, left - 1) * len(choices) // left]

        return self._walked(digit)

    def suggest_keys(self, trial: optuna.Trial) -> Order:
        """An order by random keys: a number from 0 to 1 for each task; the next task is that of the smallest key."""
        keys = {task: trial.suggest_float(f"key {task}", 0.0, 1.0) for task in self.tasks}
        return self._walked(lambda prefix, choices: min(choices, key=keys.__getitem__))

    def params(self, order: Order) -> dict[str, str]:
        """The parameters of `suggest` that spell an order. Raises UserError for one outside the space."""
        self.check(order)
        prefixes = [(order[:place], task) for place, task in enumerate(order)]
        return {prefix_name(prefix): task for prefix, task in prefixes if len(self.choices(prefix)) > 1}

    def order_of(self, params: Mapping[str, object]) -> Order | None:
        """The order that parameters of `suggest` spell; None where they are not complete."""
        prefix: Order = ()
        while len(prefix) < self.size:
            choices = self.choices(prefix)
            chosen = params.get(prefix_name(prefix)) if len(choices) > 1 else choices[0]
            if chosen not in choices:
                return None
            prefix = (*prefix, str(chosen))
        return prefix

    def drawn(self, draw: random.Random) -> Order:
        """An order at random, all equally likely."""

        def one(prefix: Order, choices: list[str]) -> str:
            return draw.choices(choices, [self.count((*prefix, task)) for task in choices])[0]

        return self._walked(one)

    def check(self, order: Order) -> None:
        """Raises UserError where the order is not of this space."""
        if len(order) != self.size or len(set(order)) < len(order):
            raise UserError(
                f"the order {','.join(order)} takes {counted(len(order), 'task')}; take {self.size}, each once."
            )
        for place, task in enumerate(order):
            if task not in self.choices(order[:place]):
                rule = f"does not keep to {self.in_words()}" if task in self.tasks else f"has the unknown task {task}"
                raise UserError(f"the order {','.join(order)} {rule}.")

    def in_words(self) -> str:
        """The constraints in words; empty where there are none."""
        words = [f"{one} before {other}" for one, other in self.before]
        words += [f"{','.join(self.first)} first"] if self.first else []
        words += [f"{','.join(self.last)} last"] if self.last else []
        words += [f"{','.join(group)} together" for group in self.together]
        words += [f"{self.length} of the tasks"] if self.length is not None else []
        return ", ".join(words)

    def _walked(self, choose: Callable[[Order, list[str]], str]) -> Order:
        prefix: Order = ()
        while len(prefix) < self.size:
            prefix = (*prefix, choose(prefix, self.choices(prefix)))
        return prefix

    def _check_names(self) -> None:
        groups = (self.tasks, self.first, self.last, *self.together, *self.before)
        for group in groups:
            for task in group:
                if task not in self.tasks:
                    raise unknown("task in a constraint of orders", task, self.tasks)
            if len(set(group)) < len(group):
                raise UserError(f"{','.join(group)} names a task twice; name each once.")
        for one, other in combinations(self.together, 2):
            if shared := set(one) & set(other):
                raise UserError(f"{min(shared)} stands in two groups of tasks that stay together; name it in one.")

    def _mask(self, prefix: Order) -> int:
        return sum(1 << self.tasks.index(task) for task in prefix)

    @cached_property
    def _earlier(self) -> list[int]:
        """For each task the set of those that come before it, as bits."""
        pairs = [*self.before, *pairwise(self.first), *pairwise(self.last)]
        pairs += [(one, task) for one in self.first for task in self.tasks if task not in self.first]
        pairs += [(task, one) for one in self.last for task in self.tasks if task not in self.last]
        return [self._mask(tuple({one for one, other in pairs if other == task})) for task in self.tasks]

    @cached_property
    def _counts(self) -> dict[int, int]:
        """The number of orders below each set of tasks that was counted."""
        return {}

    def _below(self, placed: int) -> int:
        """The number of ways to go on after a set of tasks."""
        count = placed.bit_count()
        if count == self.size or not (self.before or self.first or self.last or self.together):
            return perm(len(self.tasks) - count, self.size - count)
        if placed not in self._counts:
            ways = sum(self._below(placed | 1 << number) for number in self._following(placed))
            self._counts[placed] = ways
        return self._counts[placed]

    def _following(self, placed: int) -> list[int]:
        """The tasks that may come after a set of tasks, by number, whether or not an order ends below each."""
        if placed.bit_count() == self.size:
            return []
        groups = [self._mask(group) for group in self.together]
        within = next((group for group in groups if 0 < (placed & group).bit_count() < group.bit_count()), ~0)
        numbers = [number for number in range(len(self.tasks)) if within & ~placed & 1 << number]
        return [number for number in numbers if not self._earlier[number] & ~placed]


@lru_cache(maxsize=1)
def all_orders(space: OrderSpace, seed: int) -> tuple[Order, ...]:
    """Every order once, shuffled by the seed: those that an interrupted sweep has walked are a random sample."""
    orders = list(space.orders())
    random.Random(seed).shuffle(orders)
    return tuple(orders)


def by_modality(modalities: Mapping[str, str]) -> tuple[Order, ...]:
    """The groups of tasks of one modality, by task, for `together`."""
    return tuple(
        tuple(task for task, its in modalities.items() if its == modality)
        for modality in dict.fromkeys(modalities.values())
    )
