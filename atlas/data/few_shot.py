"""Few-shot subsets of a training split: seeded and nested, so that more shots only add records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Shots:
    """The size of a few-shot training set: `count` records, or a `fraction` of them; of all, or of each class.

    Raises:
        UserError: both or neither are given, a count below 1, or a fraction outside (0, 1].
    """

    count: int | None = None
    fraction: float | None = None
    per_class: bool = False

    def __post_init__(self) -> None:
        if (self.count is None) == (self.fraction is None):
            raise UserError(f"shots are {self.count} records and the fraction {self.fraction}; give one of the two.")
        if self.count is not None and self.count < 1:
            raise UserError(f"shots are {self.count} records; give 1 or more.")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise UserError(f"shots are the fraction {self.fraction}; give more than 0 and at most 1.")

    def describe(self) -> str:
        """E.g. `16 records a class` or `5 % of the records`."""
        if self.count is not None:
            return f"{self.count:,} record{'s' * (self.count > 1)}{' a class' * self.per_class}"
        return f"{100 * (self.fraction or 0):g} % of {'each class' if self.per_class else 'the records'}"

    def choose(self, targets: Tensor, *, seed: int) -> Tensor:
        """The numbers of the records, long [n], ascending. targets: long [N], or float [N, classes]."""
        if self.count is not None:
            return few_shot(targets, shots=self.count, per_class=self.per_class, seed=seed)
        return few_share(targets, fraction=self.fraction or 0.0, per_class=self.per_class, seed=seed)


def few_shot(targets: Tensor, *, shots: int, per_class: bool, seed: int) -> Tensor:
    """The numbers of `shots` records, of all or of each class, long [n], ascending; fewer where there are fewer.

    targets: long [N], or float [N, classes], where a record's class is that of its highest score. The set of k shots
    lies inside that of more shots of the same seed. It is a function of (targets, shots, per_class, seed) alone,
    on every machine.
    """
    return _first_of_shuffle(targets, lambda members: shots, per_class=per_class, seed=seed)


def few_share(targets: Tensor, *, fraction: float, per_class: bool, seed: int) -> Tensor:
    """As `few_shot`, with a share of the records instead of a number: at least one, of all or of each class."""
    return _first_of_shuffle(targets, lambda members: max(1, round(fraction * members)), per_class=per_class, seed=seed)


def _first_of_shuffle(targets: Tensor, quota: Callable[[int], int], *, per_class: bool, seed: int) -> Tensor:
    """The first records of one shuffle; `quota` gives how many, from the number of records."""
    import numpy as np
    import torch

    shuffled = _shuffle(len(targets), seed)
    groups = [shuffled]
    if per_class:
        classes = (targets if targets.ndim == 1 else targets.argmax(1)).cpu().numpy()[shuffled]
        groups = [shuffled[classes == label] for label in np.unique(classes)]
    return torch.from_numpy(np.sort(np.concatenate([group[: quota(len(group))] for group in groups])))


def _shuffle(n: int, seed: int) -> np.ndarray:
    """The numbers below n in a seeded order: sorted by the raw bits of PCG64, which no NumPy release changes."""
    import numpy as np

    digest = hashlib.sha256(f"few shots {seed}".encode()).digest()
    return np.argsort(np.random.PCG64(int.from_bytes(digest, "big")).random_raw(n), kind="stable")
