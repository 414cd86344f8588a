"""A Gaussian process over orders of tasks, and settings beside them, from the scores after every prefix.

It needs NumPy and SciPy alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Order = tuple[str, ...]
Settings = tuple[float, ...]
Matrix = NDArray[np.float64]
ROUNDS = 12  # of expectation maximisation over the prior's variances
BELIEF = 1.0  # weights that the first guess of a prior variance counts as
RESIDUE = 0.02  # first guess of what features do not explain, of the variance of the scores
LEAST = 1e-6  # the least variance


class Point(NamedTuple):
    """An order, or a prefix of one, and the settings that it is tried with, as numbers that effects are linear in."""

    order: Order
    settings: Settings = ()


@dataclass(frozen=True)
class Observation:
    """The scores after a prefix, higher ones better: one a task, in the prefix's order, or their mean alone."""

    prefix: Order
    scores: tuple[float, ...]
    settings: Settings = ()

    @property
    def point(self) -> Point:
        """The prefix with its settings."""
        return Point(self.prefix, self.settings)

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)


def features(prefixes: NDArray[np.intp], count: int) -> tuple[Matrix, NDArray[np.intp]]:
    """Features [N, T, D] of each task's score after prefixes [N, K] of task numbers, and the group [D] of each.

    A group: 1; its position, as a number and by itself; the tasks before it, as a sum and as a mean, and the one just
    before; those after, as a sum and by nearness, and the one just after; their number, as a number and by itself.
    Tasks outside the prefix have zeros.
    """
    rows, length = prefixes.shape
    places = np.full((rows, count), -1)
    np.put_along_axis(places, prefixes, np.arange(length)[None], axis=1)
    within = places >= 0
    pairs = within[:, :, None] & within[:, None, :]
    gap = np.where(pairs, places[:, :, None] - places[:, None, :], 0)
    place, one_hot, scale = np.maximum(places, 0), np.eye(count), np.sqrt(count)
    groups = (
        np.ones((rows, count, 1)),
        place[:, :, None] / max(1, count - 1),
        one_hot[place],
        (gap > 0) / scale,
        (gap > 0) / np.maximum(place, 1)[:, :, None],
        (gap == 1).astype(float),
        (gap < 0) / scale,
        (gap < 0) / np.maximum(-gap, 1),
        (gap == -1).astype(float),
        (length - 1 - place)[:, :, None] / max(1, count - 1),
        one_hot[length - 1 - place],
    )
    numbers = np.repeat(np.arange(len(groups)), [group.shape[2] for group in groups])
    return np.concatenate(groups, axis=2) * within[:, :, None], numbers


def _with_settings(
    found: Matrix, groups: NDArray[np.intp], settings: Sequence[Settings]
) -> tuple[Matrix, NDArray[np.intp]]:
    """Features [N, T, D] and their groups [D] with the settings [S] of each row, and these by the tasks to come."""
    if not settings[0]:
        return found, groups
    within, after = found[:, :, :1], found[:, :, groups == int(groups.max()) - 1]
    own = within * np.array(settings)[:, None, :]
    kind = int(groups.max()) + np.repeat([1, 2], own.shape[2])
    return np.concatenate((found, own, own * after), axis=2), np.concatenate((groups, kind))


@dataclass
class _Regression:
    """Bayesian linear regressions that share a prior: a Gaussian process whose kernel is the features' products.

    Each block has its own weights; the variances of the prior, one a group of features, and of the residue are those
    of the highest likelihood, found by expectation maximisation.
    """

    blocks: Sequence[tuple[Matrix, Matrix]]
    groups: NDArray[np.intp]
    weights: list[tuple[Matrix, Matrix]] = field(default_factory=list)
    freedom: float = 1.0  # share of the rows that the weights do not fit

    def __post_init__(self) -> None:
        kinds = int(self.groups.max()) + 1
        first = np.array([1.0] + [1.0 / kinds] * (kinds - 1))
        prior, residue = first, RESIDUE
        sizes = np.bincount(self.groups, minlength=kinds) * len(self.blocks)
        rows = sum(len(values) for _, values in self.blocks)
        products = [(inputs.T @ inputs, inputs.T @ values) for inputs, values in self.blocks]
        for _ in range(ROUNDS):
            squares, misfit, fitted = np.zeros(kinds), 0.0, 0.0
            self.weights = []
            for (inputs, values), (square, product) in zip(self.blocks, products, strict=True):
                spread = np.asarray(np.linalg.inv(square / residue + np.diag(1 / prior[self.groups])), dtype=np.float64)
                mean = spread @ product / residue
                squares += np.bincount(self.groups, mean**2 + np.diag(spread), kinds)
                explained = float((square * spread).sum())
                misfit += float(((values - inputs @ mean) ** 2).sum()) + explained
                fitted += explained / residue
                self.weights.append((mean, spread))
            self.freedom = max(1.0 - fitted / max(rows, 1), 0.05)
            prior = np.maximum((BELIEF * first + squares) / (BELIEF + sizes), LEAST)
            residue = max((BELIEF * RESIDUE / 10 + misfit) / (BELIEF + rows), LEAST)

    def variance(self, block: int, inputs: Matrix) -> Matrix:
        """The variance of a block's values, without the residue."""
        found: Matrix = ((inputs @ self.weights[block][1]) * inputs).sum(axis=1)
        return found


class OrderModel:
    """A Gaussian process over orders whose kernel is linear in precedence, position and neighbour features.

    Settings add to each task's score, and to it by the number of tasks after it. The model learns from the scores after
    every prefix. An order's value is what the features say and a residue of its own, of which trials show a part: as
    much as the noise, which replicates tell, leaves certain. Unless `noisy`, trials show all of it.
    """

    def __init__(
        self,
        tasks: Order,
        observations: Iterable[Observation],
        values: Mapping[Point, Sequence[float]],
        *,
        noisy: bool = True,
    ) -> None:
        """Fit the scores after prefixes and the values of whole orders, higher ones better; neither may be empty."""
        self.tasks, self.points = tasks, list(values)
        self._number = {task: number for number, task in enumerate(tasks)}
        seen = list(dict.fromkeys(observations))
        self._by_task = all(len(one.scores) == len(one.prefix) for one in seen)
        scores = [score for one in seen for score in one.scores]
        self._middle, self._scale = float(np.mean(scores)), float(np.std(scores)) or 1.0
        self._regression = self._fitted(seen)
        residue = self._residue(seen)
        noise = _noise(seen, values) if noisy else 0.0
        noise = residue / 2 if noise is None else noise
        self.noise, self._own = noise, max(residue - noise, residue / 20)
        counts = np.array([len(values[point]) for point in self.points])
        self._shown = self._own / (self._own + noise / counts)
        self._tried = np.array([np.mean(values[point]) for point in self.points])
        self._place = {point: place for place, point in enumerate(self.points)}
        self.beliefs = self.predict(self.points)[0]
        self.best = float(self.beliefs.max())

    @property
    def tried(self) -> Collection[Point]:
        """The points whose values are known."""
        return self._place.keys()

    @property
    def recommended(self) -> Order:
        """The order of the highest expected value, of those tried."""
        return self.points[int(np.argmax(self.beliefs))].order

    def expected(self, point: Point) -> Observation:
        """The scores to expect after a prefix, as the observations tell them."""
        means = self._means(self._features([point])[0])[0]
        scores = tuple(float(means[self._number[task]]) for task in point.order)
        return Observation(point.order, scores if self._by_task else (sum(scores) / len(scores),), point.settings)

    def predict(self, points: Sequence[Point]) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the true values of whole orders."""
        mean, variance = self._from_features(points)
        own = np.full(len(points), self._own)
        tried = [(row, self._place[point]) for row, point in enumerate(points) if point in self._place]
        if tried:
            rows, places = map(list, zip(*tried, strict=True))
            shown = self._shown[places]
            mean[rows] += shown * (self._tried[places] - mean[rows])
            variance[rows] *= (1 - shown) ** 2
            own[rows] *= 1 - shown
        return mean, np.sqrt(variance + own)

    def improvement(self, points: Sequence[Point]) -> Matrix:
        """The logarithm of each order's expected improvement over the best belief, less where a trial shows little."""
        from scipy.special import log_ndtr, ndtr

        mean, deviation = self.predict(points)
        deviation = np.maximum(deviation, 1e-9 * self._scale)
        ahead = (mean - self.best) / deviation
        near = np.maximum(ahead, -5.0)
        gain = np.log(near * ndtr(near) + np.exp(-(near**2) / 2) / np.sqrt(2 * np.pi))
        far = log_ndtr(ahead) - np.log(np.maximum(-ahead, 1.0))  # where the difference above cancels
        told: Matrix = np.log1p(-np.sqrt(self.noise / (self.noise + deviation**2)) + 1e-12)
        return np.log(deviation) + np.where(ahead > -5.0, gain, far) + told

    def _fitted(self, seen: Sequence[Observation]) -> _Regression:
        """The regression of each task's scores, or one of the means where only these are known."""
        count = len(self.tasks)
        inputs: list[list[Matrix]] = [[] for _ in range(count if self._by_task else 1)]
        values: list[list[Matrix]] = [[] for _ in inputs]
        groups = np.zeros(0, dtype=np.intp)
        for some in _by_length(seen):
            rows = self._rows([one.prefix for one in some])
            found, groups = _with_settings(*features(rows, count), [one.settings for one in some])
            scores = (np.array([one.scores for one in some]) - self._middle) / self._scale
            if not self._by_task:
                inputs[0].append(found.reshape(len(rows), -1) / rows.shape[1])
                values[0].append(scores[:, 0])
                continue
            for task in range(count):
                row, place = np.nonzero(rows == task)
                inputs[task].append(found[row, task])
                values[task].append(scores[row, place])
        blocks = [(np.concatenate(one), np.concatenate(other)) for one, other in zip(inputs, values, strict=True)]
        return _Regression(blocks, groups if self._by_task else np.tile(groups, count))

    def _residue(self, seen: Sequence[Observation]) -> float:
        """The variance of mean scores about what the features say."""
        squares = []
        for some in _by_length(seen):
            found, within = self._features([one.point for one in some])
            expected = (self._means(found) * within).sum(axis=1) / within[0].sum()
            squares.append((np.array([one.mean for one in some]) - expected) ** 2)
        least = (1e-3 * self._scale) ** 2
        return max(float(np.concatenate(squares).mean()) / self._regression.freedom, least)

    def _from_features(self, points: Sequence[Point]) -> tuple[Matrix, Matrix]:
        """Mean and variance of the values of whole orders, without the residue."""
        found, count = self._features(points)[0], len(self.tasks)
        return self._means(found).mean(axis=1), self._variances(found) / count**2

    def _features(self, points: Sequence[Point]) -> tuple[Matrix, Matrix]:
        """The features [N, T, D] of prefixes of one length, and 1 for each task [N, T] within."""
        rows = self._rows([point.order for point in points])
        within = np.zeros((len(rows), len(self.tasks)))
        np.put_along_axis(within, rows, 1.0, axis=1)
        found = _with_settings(*features(rows, len(self.tasks)), [point.settings for point in points])[0]
        return found, within

    def _means(self, found: Matrix) -> Matrix:
        """The expected scores [N, T] for features; of no meaning outside a prefix."""
        weights = [mean for mean, _ in self._regression.weights]
        by_task = np.array(weights).reshape(len(self.tasks), -1)
        means: Matrix = np.einsum("ntd,td->nt", found, by_task) * self._scale + self._middle
        return means

    def _variances(self, found: Matrix) -> Matrix:
        """The variance [N] of the sum of the scores for features."""
        if self._by_task:
            each = [self._regression.variance(task, found[:, task]) for task in range(len(self.tasks))]
            return np.sum(each, axis=0) * self._scale**2
        return self._regression.variance(0, found.reshape(len(found), -1)) * self._scale**2

    def _rows(self, prefixes: Sequence[Order]) -> NDArray[np.intp]:
        return np.array([[self._number[task] for task in prefix] for prefix in prefixes])


def _by_length(seen: Sequence[Observation]) -> list[list[Observation]]:
    """The observations of prefixes of each length."""
    found: defaultdict[int, list[Observation]] = defaultdict(list)
    for one in seen:
        found[len(one.prefix)].append(one)
    return list(found.values())


def _noise(seen: Sequence[Observation], values: Mapping[Point, Sequence[float]]) -> float | None:
    """The variance of a trial's noise, as replicates tell it; None where there are none.

    Equal scores after a prefix are those of one step that several trials share, and tell nothing of it.
    """
    shown: defaultdict[Point, list[float]] = defaultdict(list)
    for one in seen:
        shown[one.point].append(one.mean)
    replicates = [np.array(some) for some in (*shown.values(), *values.values()) if len(some) > 1]
    if not replicates:
        return None
    return float(
        sum(((some - some.mean()) ** 2).sum() for some in replicates) / sum(len(some) - 1 for some in replicates)
    )
