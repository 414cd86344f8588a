"""Means of unequal numbers of replicates, shrunk towards their common mean."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def shrunk_means(groups: Mapping[Key, Sequence[float]]) -> dict[Key, float]:
    """The expected true value of each group, given its replicates; its mean where all groups have as many.

    θ̂ᵢ = μ + Bᵢ (x̄ᵢ − μ), Bᵢ = τ² / (τ² + σ² / nᵢ): empirical Bayes (Morris, 1983), with μ the mean of the groups'
    means, σ² the pooled variance within groups, and τ² = max(0, variance between means − σ² · mean of 1 / nᵢ). A group
    with one lucky replicate does not rank before one whose many are nearly as good. Every group needs a value.
    """
    means = {key: float(np.mean(values)) for key, values in groups.items()}
    counts = {key: len(values) for key, values in groups.items()}
    if len(set(counts.values())) <= 1:
        return means
    freedom = sum(count - 1 for count in counts.values())
    within = sum(((np.array(values) - means[key]) ** 2).sum() for key, values in groups.items()) / freedom
    middle, inverse = float(np.mean(list(means.values()))), float(np.mean([1 / count for count in counts.values()]))
    between = max(0.0, float(np.var(list(means.values()), ddof=1)) - within * inverse)
    shares = {key: _share(between, within / count) for key, count in counts.items()}
    return {key: middle + shares[key] * (means[key] - middle) for key in groups}


def _share(between: float, error: float) -> float:
    """How much of a distance to the mean is believed; of values without any error all."""
    return between / (between + error) if between + error else 1.0
