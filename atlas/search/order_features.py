"""Features of each task's score after a prefix of an order, in which the model of orders is linear.

It needs NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Order = tuple[str, ...]
Settings = tuple[float, ...]
Matrix = NDArray[np.float64]
Numbers = NDArray[np.intp]


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


def features(prefixes: Numbers, count: int) -> tuple[Matrix, Numbers]:
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


def features_with_settings(prefixes: Numbers, count: int, settings: Sequence[Settings]) -> tuple[Matrix, Numbers]:
    """`features` with the settings [S] of each row, and these by the number of tasks after the one scored."""
    found, groups = features(prefixes, count)
    if not settings[0]:
        return found, groups
    within, after = found[:, :, :1], found[:, :, groups == int(groups.max()) - 1]
    own = within * np.array(settings)[:, None, :]
    kind = int(groups.max()) + np.repeat([1, 2], own.shape[2])
    return np.concatenate((found, own, own * after), axis=2), np.concatenate((groups, kind))
