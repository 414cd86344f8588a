"""The parameters of a settings sweep: their levels, main effects, and importance for the objective."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from atlas.metrics import Undefined
from atlas.report.settings import SettingRow, value_text
from atlas.statistics import Interval, Mean, mean_t

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MOST_LEVELS = 6
"""The most values of a number that are levels of their own; more are three groups of equal size."""
FEWEST_FOR_IMPORTANCE = 8
RESAMPLES = 400
TREES = 32


@dataclass(frozen=True, kw_only=True)
class Level:
    """A value of a parameter, or a range of them, with the scores of the settings that have it.

    effect: their mean minus that of all settings that have the parameter, in points.
    """

    name: str
    scores: tuple[float, ...]
    effect: Mean


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter that varies: its value in each setting (by the setting's place; absent where it was not asked for).

    share: of the variance between the settings, in percent, that its levels explain by themselves (ω², not below 0).
    interval: of that, by the bootstrap over settings. importance: Optuna's fANOVA, in percent.
    """

    name: str
    values: Mapping[int, JsonValue]
    levels: tuple[Level, ...]
    share: float
    interval: Interval | Undefined
    importance: float | Undefined

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return _is_numeric(self.values.values())

    @property
    def is_logarithmic(self) -> bool:
        """Whether its values are positive numbers of several magnitudes."""
        numbers = [value for value in self.values.values() if isinstance(value, int | float)]
        return self.is_numeric and min(numbers) > 0 and max(numbers) / min(numbers) >= 8


def varying_parameters(rows: Sequence[SettingRow]) -> list[Parameter]:
    """The parameters in which settings differ, those that explain most first."""
    names = dict.fromkeys(name for row in rows for name in row.values)
    found = {name: {n: row.values[name] for n, row in enumerate(rows) if name in row.values} for name in names}
    varying = {name: values for name, values in found.items() if len(set(map(repr, values.values()))) > 1}
    scores = [row.score for row in rows]
    importances = _importances(varying, scores)
    return sorted(
        (_parameter(name, values, scores, importances[name]) for name, values in varying.items()),
        key=lambda one: -one.share,
    )


def level_places(values: Mapping[int, JsonValue]) -> dict[str, list[int]]:
    """Level → the places of the settings that have it; numbers in their sequence, many of them in ranges."""
    distinct = sorted(set(values.values()), key=_sorted_by)
    if not _is_numeric(values.values()) or len(distinct) <= MOST_LEVELS:
        return {value_text(value): [n for n, one in values.items() if one == value] for value in distinct}
    ordered = sorted(values, key=lambda place: float(values[place]))  # type: ignore[arg-type]
    groups = [group.tolist() for group in np.array_split(ordered, 3)]
    return {f"{value_text(values[group[0]])} to {value_text(values[group[-1]])}": group for group in groups}


def _parameter(
    name: str, values: Mapping[int, JsonValue], scores: Sequence[float], importance: float | Undefined
) -> Parameter:
    places = level_places(values)
    groups = [[scores[place] for place in members] for members in places.values()]
    grand = float(np.mean([score for group in groups for score in group]))
    levels = []
    for level, group in zip(places, groups, strict=True):
        effect = mean_t([score - grand for score in group])
        assert isinstance(effect, Mean)
        levels.append(Level(name=level, scores=tuple(group), effect=effect))
    return Parameter(
        name=name,
        values=values,
        levels=tuple(levels),
        share=100 * explained(groups),
        interval=_bootstrap(groups),
        importance=importance,
    )


def explained(groups: Sequence[Sequence[float]]) -> float:
    """ω² = (SS_between − (k − 1) MS_within) / (SS_total + MS_within), between 0 and 1 (Hays, 1963).

    Unlike η² it does not grow with the number of levels. Where every level has one score, it is 0: nothing is known.
    """
    data = np.concatenate([np.asarray(group, dtype=float) for group in groups])
    within = sum(float(((np.asarray(group) - np.mean(group)) ** 2).sum()) for group in groups)
    total = float(((data - data.mean()) ** 2).sum())
    free = len(data) - len(groups)
    if free < 1 or total <= 1e-12:
        return 0.0
    error = within / free
    return float(np.clip((total - within - (len(groups) - 1) * error) / (total + error), 0.0, 1.0))


def _bootstrap(groups: Sequence[Sequence[float]]) -> Interval | Undefined:
    """The percentile interval of the explained share, in percent, over settings drawn again."""
    data = np.array([score for group in groups for score in group], dtype=float)
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    if len(data) < FEWEST_FOR_IMPORTANCE:
        return Undefined(f"it takes {FEWEST_FOR_IMPORTANCE} settings; there are {len(data)}")
    noise, found = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        drawn = noise.integers(0, len(data), len(data))
        here = [data[drawn][labels[drawn] == level] for level in np.unique(labels[drawn])]
        found.append(100 * explained([group.tolist() for group in here]))
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(low=float(low), high=float(high), level=0.95, method="bootstrap (percentile)")


def _importances(
    varying: Mapping[str, Mapping[int, JsonValue]], scores: Sequence[float]
) -> dict[str, float | Undefined]:
    """Optuna's fANOVA of the parameters that every setting has."""
    whole = {name: values for name, values in varying.items() if len(values) == len(scores)}
    found: dict[str, float | Undefined] = {name: Undefined("not every setting has it") for name in varying}
    if len(scores) < FEWEST_FOR_IMPORTANCE:
        return dict.fromkeys(varying, Undefined(f"it takes {FEWEST_FOR_IMPORTANCE} settings; there are {len(scores)}"))
    if len(whole) < 2 or np.ptp(scores) == 0:
        return found | dict.fromkeys(whole, Undefined("it compares two parameters that every setting has, or more"))
    return found | _fanova(whole, scores)


def _fanova(whole: Mapping[str, Mapping[int, JsonValue]], scores: Sequence[float]) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(list(values.values())) for name, values in whole.items()}
    study = optuna.create_study(direction="maximize")
    for place, score in enumerate(scores):
        params = {name: values[place] for name, values in whole.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=score))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importances = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=TREES, seed=0))
    return {name: 100 * float(value) for name, value in importances.items()}


def _distribution(values: Sequence[JsonValue]) -> BaseDistribution:
    """The distribution that holds these values."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not _is_numeric(values):
        return CategoricalDistribution(tuple(sorted(set(values), key=_sorted_by)))  # type: ignore[arg-type]
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    return FloatDistribution(min(numbers), max(numbers), log=min(numbers) > 0 and max(numbers) / min(numbers) >= 8)


def _is_numeric(values: object) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)  # type: ignore[attr-defined]


def _sorted_by(value: JsonValue) -> tuple[bool, float, str]:
    """Numbers by their size, then all else by its text."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return not number, float(value) if number else 0.0, str(value)  # type: ignore[arg-type]
