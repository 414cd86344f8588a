"""Sums over the scores after prefixes of orders: all that the model of orders needs of them, however many there are.

It needs NumPy alone.
"""

from __future__ import annotations

import struct
from array import array
from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from .order_features import Matrix, Numbers, Observation, Order, Point, features_with_settings

AT_ONCE = 500  # observations whose features are in memory together


@dataclass
class Sums:
    """Sums over the rows of a linear regression: of features [D], values, and their products."""

    square: Matrix  # Xᵀ X [D, D]
    product: Matrix  # Xᵀ y [D]
    ones: Matrix  # Xᵀ 1 [D]
    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of_width(cls, width: int) -> Sums:
        """Sums over no rows."""
        return cls(np.zeros((width, width)), np.zeros(width), np.zeros(width))

    def add(self, inputs: Matrix, values: Matrix) -> None:
        """Add rows [N, D] with their values [N]."""
        self.square += inputs.T @ inputs
        self.product += inputs.T @ values
        self.ones += inputs.sum(axis=0)
        self.rows += len(values)
        self.total += float(values.sum())
        self.squares += float(values @ values)

    def copy(self) -> Sums:
        """Sums of their own."""
        return Sums(self.square.copy(), self.product.copy(), self.ones.copy(), self.rows, self.total, self.squares)

    def standardised(self, middle: float, scale: float) -> tuple[Matrix, float]:
        """Xᵀ y [D] and yᵀ y of the values less `middle`, over `scale`."""
        squares = self.squares - 2.0 * middle * self.total + self.rows * middle**2
        return (self.product - middle * self.ones) / scale, squares / scale**2


@dataclass
class Spread:
    """The spread of values about the means of their groups, of which there may be any number."""

    groups: MutableMapping[bytes, tuple[int, float]] = field(default_factory=dict)  # number and mean of the values
    squares: float = 0.0
    freedom: int = 0

    def add(self, group: bytes, value: float) -> None:
        """Add a value (Welford, 1962)."""
        count, mean = self.groups.get(group, (0, 0.0))
        moved = mean + (value - mean) / (count + 1)
        self.groups[group] = (count + 1, moved)
        if count:
            self.squares += (value - mean) * (value - moved)
            self.freedom += 1

    def branch(self) -> Spread:
        """A spread that begins as this one, and leaves it as it is."""
        return Spread(ChainMap({}, self.groups), self.squares, self.freedom)

    @property
    def variance(self) -> float | None:
        """The variance within groups; None where no group has two values."""
        return self.squares / self.freedom if self.freedom else None


@dataclass
class OrderStatistics:
    """What the model of orders knows of trials: sums over the scores after prefixes, and the values of whole orders.

    `by_task`: the scores are one a task, and each task has sums of its own; else they are means. Equal scores after a
    prefix with the same settings are those of one step that several trials share, and count once. `replicates`: the
    spread of values among trials alike, which tells the noise, is kept too. A whole order has `length` of the tasks
    (default: all). Beside the sums, of 8 · (T · D)² bytes for T tasks of D features, it keeps a short text for each
    observation.
    """

    tasks: Order
    by_task: bool = True
    settings: int = 0
    replicates: bool = True
    length: int | None = None

    def __post_init__(self) -> None:
        self._number = {task: number for number, task in enumerate(self.tasks)}
        count = len(self.tasks)
        plain = np.arange(count)[None]
        self.groups: Numbers = features_with_settings(plain, count, [(0.0,) * self.settings])[1]
        width = len(self.groups)
        self.means = Sums.of_width(count * width)  # of mean scores, the features of all tasks side by side
        self.blocks = [Sums.of_width(width) for _ in self.tasks] if self.by_task else [self.means]
        self.spread = Spread()
        self.shift: float | None = None  # the first score, about which values are summed
        self.knows_prefixes = False
        self.points: list[Point] = []
        self.place: MutableMapping[Point, int] = {}
        self.counts, self.totals = array("d"), array("d")
        self._seen: MutableMapping[bytes, None] = {}

    @classmethod
    def of(
        cls,
        tasks: Order,
        observations: Sequence[Observation],
        values: Mapping[Point, Sequence[float]],
        length: int | None = None,
    ) -> OrderStatistics:
        """Those of scores after prefixes and of the values of whole orders; neither may be empty."""
        by_task = all(len(one.scores) == len(one.prefix) for one in observations)
        found = cls(tasks, by_task, len(observations[0].settings), length=length)
        found.add(observations)
        found.add_values((point, value) for point, some in values.items() for value in some)
        return found

    def branch(self) -> OrderStatistics:
        """Statistics that begin as these, and leave these as they are."""
        found = OrderStatistics(self.tasks, self.by_task, self.settings, self.replicates, self.length)
        found.means = self.means.copy()
        found.blocks = [one.copy() for one in self.blocks] if self.by_task else [found.means]
        found.spread, found.shift, found.knows_prefixes = self.spread.branch(), self.shift, self.knows_prefixes
        found.points, found.place = self.points.copy(), ChainMap({}, self.place)
        found.counts, found.totals = self.counts[:], self.totals[:]
        found._seen = ChainMap({}, self._seen)
        return found

    def add(self, observations: Iterable[Observation]) -> None:
        """Add the scores after prefixes, those that are not known yet."""
        new = filter(self._is_new, observations)
        while some := list(islice(new, AT_ONCE)):
            for alike in _by_length(some):
                self._add(alike)

    def add_values(self, values: Iterable[tuple[Point, float]]) -> None:
        """Add values of whole orders."""
        for point, value in values:
            place = self.place.get(point)
            if place is None:
                place = self.place[point] = len(self.points)
                self.points.append(point)
                self.counts.append(0.0)
                self.totals.append(0.0)
            self.counts[place] += 1.0
            self.totals[place] += value
            if self.replicates:
                self.spread.add(b"whole" + self._name(point), value)

    @property
    def whole(self) -> int:
        """The number of tasks of a whole order."""
        return self.length or len(self.tasks)

    @property
    def scores(self) -> tuple[float, float]:
        """Mean and standard deviation of all scores; the first is less the shift."""
        rows = sum(one.rows for one in self.blocks)
        middle = sum(one.total for one in self.blocks) / rows
        squares = sum(one.standardised(middle, 1.0)[1] for one in self.blocks)
        return middle, float(np.sqrt(max(squares, 0.0) / rows))

    def place_of(self, point: Point) -> int | None:
        """The place of a whole order among those whose values are known."""
        place = self.place.get(point)  # of a branch it may be one that the other side has added since
        return place if place is not None and self.points[place : place + 1] == [point] else None

    def features(self, points: Sequence[Point]) -> Matrix:
        """The features [N, T, D] of prefixes of one length."""
        settings = [point.settings for point in points]
        return features_with_settings(self.rows([point.order for point in points]), len(self.tasks), settings)[0]

    def rows(self, prefixes: Sequence[Order]) -> Numbers:
        """Prefixes of one length as numbers of tasks [N, K]."""
        return np.array([[self._number[task] for task in prefix] for prefix in prefixes])

    def _add(self, seen: Sequence[Observation]) -> None:
        """Add observations of prefixes of one length."""
        found, length = self.features([one.point for one in seen]), len(seen[0].prefix)
        self.shift = seen[0].scores[0] if self.shift is None else self.shift
        scores = np.array([one.scores for one in seen]) - self.shift
        self.means.add(found.reshape(len(seen), -1) / length, scores.mean(axis=1))
        self.knows_prefixes |= length < self.whole
        for task, sums in enumerate(self.blocks if self.by_task else ()):
            row, place = np.nonzero(self.rows([one.prefix for one in seen]) == task)
            if len(row):
                sums.add(found[row, task], scores[row, place])

    def _is_new(self, one: Observation) -> bool:
        name = self._name(one.point)
        key = name + struct.pack(f"{len(one.scores)}d", *one.scores)
        if key in self._seen:
            return False
        self._seen[key] = None
        if self.replicates:
            self.spread.add(name, one.mean)
        return True

    def _name(self, point: Point) -> bytes:
        """A prefix and its settings in few bytes."""
        numbers = (self._number[task] for task in point.order)
        return struct.pack(f"H{len(point.order)}H{self.settings}d", len(point.order), *numbers, *point.settings)


def _by_length(seen: Sequence[Observation]) -> Iterator[list[Observation]]:
    """The observations of prefixes of each length."""
    found: defaultdict[int, list[Observation]] = defaultdict(list)
    for one in seen:
        found[len(one.prefix)].append(one)
    yield from found.values()
