"""Means with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

LEVEL = 0.95
RESAMPLES = 9999
FEWEST = 3
"""The fewest values that are shown as an interval: of two, Student's is a dozen times as wide as their distance."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval of that level, by that method."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of `count` values with its interval; an undefined interval has the reason."""

    value: float
    count: int
    interval: Interval | Undefined
    values: tuple[float, ...] = ()

    @property
    def has_spread(self) -> bool:
        """Whether there are enough values, `FEWEST`, for the interval to say more than they do."""
        return self.count >= FEWEST and isinstance(self.interval, Interval)


def mean_t(values: Sequence[float], *, level: float = LEVEL) -> Mean | Undefined:
    """m ± t(1 - (1-level)/2, n-1) · s/√n (Student, 1908): right for few values of roughly normal spread, such as seeds.

    Raises UserError for a level outside 0 to 1.
    """
    data = _checked(values, level)
    if not len(data):
        return Undefined("there is no value")
    interval = _doubt(data) or _t_interval(data, level)
    return Mean(value=float(data.mean()), count=len(data), interval=interval, values=tuple(data.tolist()))


def mean_bootstrap(values: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Mean | Undefined:
    """The mean with a bias-corrected and accelerated bootstrap interval (BCa, Efron, 1987), of 9,999 seeded resamples.

    For ten values or more of whatever spread; with fewer it is too narrow, and `mean_t` is to be preferred.
    Raises UserError for a level outside 0 to 1.
    """
    data = _checked(values, level)
    if not len(data):
        return Undefined("there is no value")
    doubt = _doubt(data)
    if doubt is not None:
        return Mean(value=float(data.mean()), count=len(data), interval=doubt, values=tuple(data.tolist()))
    from scipy import stats

    found = stats.bootstrap(
        (data,),
        np.mean,
        confidence_level=level,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    interval = Interval(low=float(found.low), high=float(found.high), level=level, method="bootstrap (BCa)")
    return Mean(value=float(data.mean()), count=len(data), interval=interval, values=tuple(data.tolist()))


def _t_interval(data: np.ndarray, level: float) -> Interval:
    from scipy import stats

    low, high = stats.t.interval(level, len(data) - 1, loc=data.mean(), scale=stats.sem(data))
    return Interval(low=float(low), high=float(high), level=level, method="t")


def _doubt(data: np.ndarray) -> Undefined | None:
    if len(data) < 2:
        return Undefined("it takes two values to know their spread")
    if np.ptp(data) == 0:
        return Undefined(f"all {counted(len(data), 'value')} are the same, so that their spread is not known")
    return None


def _checked(values: Sequence[float], level: float) -> np.ndarray:
    if not 0 < level < 1:
        raise UserError(f"the level of an interval is {level}; give a number between 0 and 1, such as 0.95.")
    data = np.asarray(values, dtype=float)
    if not np.isfinite(data).all():
        raise UserError(
            f"{int((~np.isfinite(data)).sum())} of {counted(len(data), 'value')} are not finite; leave them out."
        )
    return data
