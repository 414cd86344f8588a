"""The orders that a study's trials have proposed, counted by prefix."""

from __future__ import annotations

from collections import Counter

from optuna.study import Study
from optuna.trial import FrozenTrial

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order


class ProposedOrders:
    """The different orders that the trials of one study have proposed: how many below each prefix, and how many not.

    Trials are read once, when a later one begins to choose: a choice costs nothing that grows with their number.
    """

    def __init__(self, space: OrderSpace) -> None:
        self.space = space
        self._orders: set[Order] = set()
        self._below: Counter[Order] = Counter()  # by prefix: a trie, flat
        self._read = 0
        self._unfinished: list[int] = []  # trials that were read before their order was whole
        self._asking: int | None = None

    def read(self, study: Study, asking: int) -> None:
        """Count the orders of the trials before the one that is `asking`; once for each that asks."""
        if asking == self._asking:
            return
        trials, self._asking = study.get_trials(deepcopy=False), asking
        waiting = [*self._unfinished, *range(self._read, len(trials))]
        self._read = len(trials)
        self._unfinished = [place for place in waiting if not self._is_settled(trials[place])]

    def left(self, prefix: Order) -> int:
        """The number of orders below a prefix that were not proposed."""
        return self.space.count(prefix) - self._below[prefix]

    def add(self, order: Order) -> None:
        """Count an order, once."""
        if order not in self._orders:
            self._orders.add(order)
            self._below.update(order[:position] for position in range(len(order) + 1))

    def _is_settled(self, trial: FrozenTrial) -> bool:
        """Whether the trial's order is whole, and counted, or will never be."""
        order = self.space.order_of(trial.params)
        if order is not None:
            self.add(order)
        return order is not None or trial.state.is_finished()
