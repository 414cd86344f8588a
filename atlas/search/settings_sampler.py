"""The sampler of settings: Optuna's multivariate TPE, without repeating a setting as long as there is another."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from atlas.search.recent_trials import RecentTPESampler
from atlas.search.tried_settings import TriedSettings

STARTUP = 4
"""The trials drawn at random before TPE has something to learn from."""


class SettingsSampler(RecentTPESampler):
    """TPE suggests every parameter; a value below which all settings were tried is replaced at random.

    A grid is therefore walked whole before a setting is repeated. What TPE suggests together it still does: its joint
    sample is drawn at the trial's beginning, and each parameter is taken from it when the space asks.
    """

    def __init__(self, *, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `group` is called experimental; without it conditional ones draw alone
            super().__init__(seed=seed, multivariate=True, group=True, n_startup_trials=STARTUP)
        self.seed = seed
        self._joint: tuple[int, dict[str, BaseDistribution], dict[str, Any]] = (-1, {}, {})
        self._tried: WeakKeyDictionary[Study, TriedSettings] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Without the settings that were tried, which are read from the study again."""
        return {name: value for name, value in super().__getstate__().items() if name != "_tried"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(state)
        self._tried = WeakKeyDictionary()

    def tried(self, study: Study, before: int | None = None) -> TriedSettings:
        """The settings of the study's trials below that number (None: of all)."""
        found = self._tried.setdefault(study, TriedSettings())
        found.read(study, before)
        return found

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._joint = (trial.number, search_space, super().sample_relative(study, trial, search_space))
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        chosen = self._chosen(study, trial, param_name, param_distribution)
        untried = self.tried(study, trial.number).untried(trial.params, param_name, param_distribution)
        if not untried or chosen in untried:
            return chosen
        return random.Random(f"{self.seed}/{trial.number}/{param_name}").choice(untried)

    def _chosen(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        """TPE's own suggestion: of its joint sample where that has the parameter, else of the parameter alone."""
        number, space, joint = self._joint
        if number == trial.number and name in joint and space.get(name) == distribution:
            return joint[name]
        return super().sample_independent(study, trial, name, distribution)
