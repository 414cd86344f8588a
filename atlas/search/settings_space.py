"""Settings beside an order, as numbers for the model of orders. It needs Optuna and NumPy alone."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

Params = Mapping[str, Any]
MOST_LISTED = 64  # settings of a grid that are all candidates; of more, so many are drawn


def misses_constraint(trial: FrozenTrial) -> bool:
    """Whether a trial has a constraint's value above 0."""
    return any(value > 0 for value in trial.constraints.values())


@dataclass(frozen=True)
class SettingsSpace:
    """Parameters that every trial suggests, by name."""

    distributions: Mapping[str, BaseDistribution]

    @property
    def names(self) -> Collection[str]:
        """The parameters' names."""
        return self.distributions.keys()

    @property
    def width(self) -> int:
        """How many numbers the settings are."""
        return sum(
            len(one.choices) if isinstance(one, CategoricalDistribution) else 2 for one in self.distributions.values()
        )

    def holds(self, params: Params) -> bool:
        """Whether a value of each parameter is among these."""
        return all(name in params for name in self.distributions)

    def numbers(self, params: Params) -> tuple[float, ...]:
        """The numbers that effects are linear in.

        Of a choice: 1 for the chosen value and 0 for each other; of a number, on its scale from −1 to 1: itself, and
        its square.
        """
        found = (_numbers(one, params[name]) for name, one in self.distributions.items())
        return tuple(number for some in found for number in some)

    def candidates(self, draw: random.Random) -> list[dict[str, Any]]:
        """Every setting of a small grid; of another space `MOST_LISTED` drawn ones."""
        values = {name: _values(one) for name, one in self.distributions.items()}
        if math.prod(len(some) or MOST_LISTED + 1 for some in values.values()) <= MOST_LISTED:
            return [dict(zip(values, some, strict=True)) for some in product(*values.values())]
        return [
            {
                name: draw.choice(some) if some else _drawn(self.distributions[name], draw)
                for name, some in values.items()
            }
            for _ in range(MOST_LISTED)
        ]

    def hopeful(
        self, settings: list[dict[str, Any]], infeasible: Mapping[tuple[float, ...], bool]
    ) -> list[dict[str, Any]]:
        """The settings but for those whose `numbers` are `infeasible`; all where no others are left."""
        return [one for one in settings if not infeasible.get(self.numbers(one), False)] or settings


def _values(distribution: BaseDistribution) -> tuple[Any, ...]:
    """The values of a choice, or of a number in few steps; none of another one."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    step = distribution.step
    if step is None or (distribution.high - distribution.low) / step >= MOST_LISTED:
        return ()
    count = int((distribution.high - distribution.low) / step + 1e-9) + 1
    return tuple(distribution.low + number * step for number in range(count))


def _drawn(distribution: BaseDistribution, draw: random.Random) -> float | int:
    """A random value of a number, on its scale."""
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    value = math.exp(draw.uniform(math.log(low), math.log(high))) if distribution.log else draw.uniform(low, high)
    if distribution.step is not None:
        value = low + round((value - low) / distribution.step) * distribution.step
    value = min(max(value, low), high)
    return round(value) if isinstance(distribution, IntDistribution) else value


def _numbers(distribution: BaseDistribution, value: Any) -> Iterator[float]:
    if isinstance(distribution, CategoricalDistribution):
        yield from (float(value == choice and type(value) is type(choice)) for choice in distribution.choices)
        return
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, at = float(distribution.low), float(distribution.high), float(value)
    if distribution.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    scaled = 2.0 * (at - low) / (high - low) - 1.0 if high > low else 0.0
    yield from (scaled, scaled**2)
