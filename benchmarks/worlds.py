"""Worlds in which searches of orders are compared: synthetic landscapes, and tables of real scores."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import permutations
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atlas.config.space import Order
from atlas.simulation.landscape import SyntheticLandscape

ENUMERATED = 8  # the most tasks of which all orders are looked at for the best
RESTARTS = 60  # climbs to the best, and to the worst, order of more tasks


class World(Protocol):
    """Scores of prefixes of orders, and the true values of whole orders."""

    @property
    def tasks(self) -> Order:
        """The tasks."""

    @property
    def extremes(self) -> tuple[float, float]:
        """The least and the greatest true value."""

    def value(self, order: Order) -> float:
        """The true value."""

    @property
    def replicates(self) -> int | None:
        """The number of trainings of a step that differ; None where there is no end of them."""

    def scores(self, prefix: Order) -> Sequence[float]:
        """The scores of a prefix's tasks after its last, without noise."""

    def drawn(self, prefix: Order, noise: float, *, search: int, replicate: int) -> Sequence[float]:
        """The same as one training gives them: of a replicate, in the search of that number."""


@dataclass(frozen=True)
class Synthetic:
    """The synthetic landscape of a seed."""

    tasks: Order
    seed: int
    replicates: None = None

    @cached_property
    def landscape(self) -> SyntheticLandscape:
        """The landscape."""
        return SyntheticLandscape(tasks=self.tasks, seed=self.seed)

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Of all orders, or those that climbs from random ones end at."""
        if len(self.tasks) <= ENUMERATED:
            values = self.landscape.finals(np.array(list(permutations(range(len(self.tasks))))))
            return float(values.min()), float(values.max())
        return -self._climbed(-1.0), self._climbed(1.0)

    def value(self, order: Order) -> float:
        """The landscape's final score."""
        return self.landscape.final(order)

    def scores(self, prefix: Order) -> Sequence[float]:
        """The landscape's scores."""
        return self.landscape.scores(prefix)

    def drawn(self, prefix: Order, noise: float, *, search: int, replicate: int) -> Sequence[float]:
        """The scores, shifted by a normal draw of that standard deviation, in points."""
        shift = random.Random(f"{search}/{replicate}/{prefix}").gauss(0.0, noise)
        return [score + shift for score in self.scores(prefix)]

    def _climbed(self, sign: float) -> float:
        """The greatest value times `sign` that climbs over swaps and moves reach."""
        draw, count, best = np.random.default_rng(self.seed), len(self.tasks), -math.inf
        for _ in range(RESTARTS):
            order, value = draw.permutation(count), -math.inf
            while True:
                around = np.array([order, *_around(order)])
                values = sign * self.landscape.finals(around)
                if values.max() <= value:
                    break
                order, value = around[int(values.argmax())], float(values.max())
            best = max(best, value)
        return best


@dataclass(frozen=True)
class Recorded:
    """The scores of a recorded table's variant, a row a seed: their mean is the truth, and one of them a training."""

    tasks: Order
    rows: Mapping[Order, Sequence[Sequence[float]]]

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Of all orders."""
        values = [self.value(order) for order in permutations(self.tasks)]
        return min(values), max(values)

    def value(self, order: Order) -> float:
        """The mean score after the whole order."""
        return float(np.mean(self.rows[order]))

    @property
    def replicates(self) -> int:
        """The number of recorded seeds."""
        return len(next(iter(self.rows.values())))

    @cached_property
    def noise(self) -> float:
        """The standard deviation of a whole order's value between seeds, in points; of several seeds alone."""
        values = [np.mean(self.rows[order], axis=1) for order in permutations(self.tasks)]
        return math.sqrt(float(np.mean(np.var(values, axis=1, ddof=1))))

    def scores(self, prefix: Order) -> Sequence[float]:
        """The means of the recorded scores."""
        return [float(score) for score in np.mean(self.rows[prefix], axis=0)]

    def drawn(self, prefix: Order, noise: float, *, search: int, replicate: int) -> Sequence[float]:
        """The scores of one seed, which is another one for each replicate, and for the first of the next search."""
        return self.rows[prefix][(search + replicate) % self.replicates]


def recorded_worlds(path: Path) -> list[Recorded]:
    """The worlds of a table: one for each of its variants."""
    table = json.loads(path.read_text())
    return [
        Recorded(tuple(table["tasks"]), {tuple(name.split(" > ")): rows for name, rows in variant["scores"].items()})
        for variant in table["variants"]
    ]


@cache
def synthetic(count: int, seed: int) -> Synthetic:
    """The landscape of so many tasks, drawn from the seed."""
    return Synthetic(tuple("abcdefghij"[:count]), seed)


def _around(order: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The orders one swap, or one move of a task, away."""
    for one, other in permutations(range(len(order)), 2):
        yield np.insert(np.delete(order, one), other, order[one])
        if one < other:
            swapped = order.copy()
            swapped[[one, other]] = order[[other, one]]
            yield swapped
