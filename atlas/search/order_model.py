"""A Gaussian process over orders of tasks, and settings beside them, from the scores after every prefix.

It needs NumPy and SciPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .order_features import Matrix, Numbers, Observation, Order, Point
from .order_statistics import OrderStatistics, Sums

ROUNDS = 12  # of expectation maximisation over the prior's variances
BELIEF = 1.0  # weights that the first guess of a prior variance counts as
RESIDUE = 0.02  # first guess of what features do not explain, of the variance of the scores
LEAST = 1e-6  # the least variance
COMPARED = 2000  # whole orders among which the best is looked for: those of the best values that trials showed


@dataclass
class _Regression:
    """Bayesian linear regressions that share a prior: a Gaussian process whose kernel is the features' products.

    Each block has its own weights; the variances of the prior, one a group of features, and of the residue are those
    of the highest likelihood, found by expectation maximisation. Values are taken less `middle`, over `scale`.
    """

    blocks: Sequence[Sums]
    groups: Numbers
    middle: float
    scale: float
    weights: list[tuple[Matrix, Matrix]] = field(default_factory=list)
    freedom: float = 1.0  # share of the rows that the weights do not fit

    def __post_init__(self) -> None:
        kinds = int(self.groups.max()) + 1
        first = np.array([1.0] + [1.0 / kinds] * (kinds - 1))
        prior, residue = first, RESIDUE
        sizes = np.bincount(self.groups, minlength=kinds) * len(self.blocks)
        rows = sum(one.rows for one in self.blocks)
        products = [one.standardised(self.middle, self.scale) for one in self.blocks]
        for _ in range(ROUNDS):
            squares, misfit, fitted = np.zeros(kinds), 0.0, 0.0
            self.weights = []
            for sums, (product, values) in zip(self.blocks, products, strict=True):
                square = sums.square
                spread = np.asarray(np.linalg.inv(square / residue + np.diag(1 / prior[self.groups])), dtype=np.float64)
                mean = spread @ product / residue
                squares += np.bincount(self.groups, mean**2 + np.diag(spread), kinds)
                explained = float((square * spread).sum())
                misfit += _misfit(square, product, values, mean) + explained
                fitted += explained / residue
                self.weights.append((mean, spread))
            self.freedom = max(1.0 - fitted / max(rows, 1), 0.05)
            prior = np.maximum((BELIEF * first + squares) / (BELIEF + sizes), LEAST)
            residue = max((BELIEF * RESIDUE / 10 + misfit) / (BELIEF + rows), LEAST)

    def variance(self, block: int, inputs: Matrix) -> Matrix:
        """The variance of a block's values, without the residue."""
        found: Matrix = ((inputs @ self.weights[block][1]) * inputs).sum(axis=1)
        return found


def _misfit(square: Matrix, product: Matrix, values: float, weights: Matrix) -> float:
    """The sum of squares |y − X w|², from Xᵀ X, Xᵀ y and yᵀ y."""
    return max(float(values - 2.0 * weights @ product + weights @ square @ weights), 0.0)


class OrderModel:
    """A Gaussian process over orders whose kernel is linear in precedence, position and neighbour features.

    Settings add to each task's score, and to it by the number of tasks after it. The model learns from the scores after
    every prefix. An order's value is what the features say and a residue of its own, of which trials show a part: as
    much as the noise, which replicates tell, leaves certain. Unless `noisy`, trials show all of it.
    """

    def __init__(self, statistics: OrderStatistics, *, noisy: bool = True) -> None:
        """Fit the scores after prefixes and the values of whole orders, of which there must be some.

        Of more than `COMPARED` whole orders, those of the best values are compared: all of them are believed in as
        they showed, but for the noise.
        """
        self.tasks, self._known = statistics.tasks, statistics
        middle, scale = statistics.scores
        self._scale = scale or 1.0
        self._middle = middle + (statistics.shift or 0.0)
        groups = statistics.groups if statistics.by_task else np.tile(statistics.groups, len(self.tasks))
        self._regression = _Regression(statistics.blocks, groups, middle, self._scale)
        residue = self._residue(middle)
        noise = statistics.spread.variance if noisy else 0.0
        noise = residue / 2 if noise is None else noise
        self.noise, self._own = noise, max(residue - noise, residue / 20)
        counts = np.array(statistics.counts)
        self._shown = self._own / (self._own + noise / counts)
        self._tried = np.array(statistics.totals) / counts
        self.points = [statistics.points[place] for place in self._best_shown()]
        self.beliefs = self.predict(self.points)[0]
        self.best = float(self.beliefs.max())

    @property
    def recommended(self) -> Order:
        """The order of the highest expected value, of those tried."""
        return self.points[int(np.argmax(self.beliefs))].order

    def expected(self, points: Sequence[Point]) -> list[Observation]:
        """The scores to expect after prefixes of one length, as the observations tell them."""
        means, rows = self._means(self._known.features(points)), self._known.rows([point.order for point in points])
        scores = np.take_along_axis(means, rows, axis=1)
        told = scores if self._known.by_task else scores.mean(axis=1, keepdims=True)
        return [
            Observation(point.order, tuple(map(float, row)), point.settings)
            for point, row in zip(points, told, strict=True)
        ]

    def predict(self, points: Sequence[Point]) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the true values of whole orders."""
        mean, variance = self._from_features(points)
        own = np.full(len(points), self._own)
        known = ((row, self._known.place_of(point)) for row, point in enumerate(points))
        tried = [(row, place) for row, place in known if place is not None]
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

    def _residue(self, middle: float) -> float:
        """The variance of mean scores about what the features say."""
        sums, weights = self._known.means, np.concatenate([mean for mean, _ in self._regression.weights])
        misfit = _misfit(sums.square, *sums.standardised(middle, self._scale), weights) * self._scale**2
        return max(misfit / sums.rows / self._regression.freedom, (1e-3 * self._scale) ** 2)

    def _best_shown(self) -> Sequence[int]:
        """The places of the whole orders that are compared."""
        if len(self._tried) <= COMPARED:
            return range(len(self._tried))
        return sorted(map(int, np.argpartition(-self._tried, COMPARED)[:COMPARED]))

    def _from_features(self, points: Sequence[Point]) -> tuple[Matrix, Matrix]:
        """Mean and variance of the values of whole orders, without the residue."""
        found, count = self._known.features(points), self._known.whole
        within = found[:, :, 0]  # 1 for the tasks of the order
        return (self._means(found) * within).sum(axis=1) / count, self._variances(found) / count**2

    def _means(self, found: Matrix) -> Matrix:
        """The expected scores [N, T] for features; of no meaning outside a prefix."""
        weights = [mean for mean, _ in self._regression.weights]
        by_task = np.array(weights).reshape(len(self.tasks), -1)
        means: Matrix = np.einsum("ntd,td->nt", found, by_task) * self._scale + self._middle
        return means

    def _variances(self, found: Matrix) -> Matrix:
        """The variance [N] of the sum of the scores for features."""
        if self._known.by_task:
            each = [self._regression.variance(task, found[:, task]) for task in range(len(self.tasks))]
            return np.sum(each, axis=0) * self._scale**2
        return self._regression.variance(0, found.reshape(len(found), -1)) * self._scale**2
