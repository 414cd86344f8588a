"""The settings that a study's trials have tried, as the tree in which a space asks for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

MOST_VALUES = 1000
"""The most values of a number that count as a grid; a finer one is taken for continuous."""


def grid_values(distribution: BaseDistribution) -> tuple[Any, ...] | None:
    """The values of a parameter; None where it is continuous."""
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    if not isinstance(distribution, FloatDistribution | IntDistribution) or distribution.step is None:
        return None
    count = int((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
    if count > MOST_VALUES:
        return None
    return tuple(distribution.low + number * distribution.step for number in range(count))


@dataclass
class _Node:
    """A parameter asked for after those above it, and the values that were tried; a leaf has no name.

    `values` is None for a continuous parameter. `is_done`: everything below was tried.
    """

    name: str = ""
    values: tuple[Any, ...] | None = None
    below: dict[Any, _Node] = field(default_factory=dict)
    is_done: bool = False

    def settle(self) -> None:
        """Mark a node whose values were all tried, with all that is below them."""
        self.is_done = not self.name or (
            self.values is not None
            and len(self.below) >= len(self.values)
            and all(node.is_done for node in self.below.values())
        )


class TriedSettings:
    """The settings of the trials of one study. Trials are read once, when a later one begins to choose."""

    def __init__(self) -> None:
        self._root = _Node()
        self._read = 0

    @property
    def is_whole(self) -> bool:
        """Whether the space has parameters, and every setting of it was tried."""
        return bool(self._root.name) and self._root.is_done

    @property
    def is_endless(self) -> bool:
        """Whether every setting seen so far has a continuous parameter, so that there is always another."""
        return bool(self._root.name) and self._root.values is None

    def read(self, study: Study, before: int | None = None) -> None:
        """Add the settings of the trials below that number (None: of all), up to the first that still waits."""
        trials = study.get_trials(deepcopy=False)[:before]
        for trial in trials[self._read :]:
            if trial.state == TrialState.WAITING:
                break
            self._add(trial)
            self._read += 1

    def untried(self, params: Mapping[str, Any], name: str, distribution: BaseDistribution) -> list[Any] | None:
        """The values of the next parameter below which there is a setting to try; None for a continuous one.

        Empty where everything below `params` was tried.
        """
        values = grid_values(distribution)
        if values is None:
            return None
        node: _Node | None = self._root
        for value in params.values():
            node = node.below.get(_key(value)) if node is not None else None
        if node is None or node.name != name:
            return list(values)
        return [value for value in values if not ((tried := node.below.get(_key(value))) and tried.is_done)]

    def _add(self, trial: FrozenTrial) -> None:
        path = [self._root]
        for name, value in trial.params.items():
            node = path[-1]
            if not node.name:
                node.name, node.values, node.is_done = name, grid_values(trial.distributions[name]), False
            path.append(node.below.setdefault(_key(value), _Node()))
        for node in reversed(path):
            node.settle()


def _key(value: Any) -> Any:
    """A value as the tree keeps it: True is not 1, and a number's last bits do not matter."""
    return round(value, 9) if isinstance(value, float) else (type(value).__name__, value)
