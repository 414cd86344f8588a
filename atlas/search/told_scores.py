"""The scores after prefixes of an order, as a trial of Optuna told them. It needs Optuna alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from optuna.trial import FrozenTrial

SCORES = "scores after each task"  # the attribute of a trial
Told: TypeAlias = Callable[[FrozenTrial], dict[int, tuple[float, ...]]]


def by_task(trial: FrozenTrial) -> dict[int, tuple[float, ...]]:
    """The scores by task after the first k tasks, by k; of rows that have one score a task."""
    rows = enumerate(trial.user_attrs.get(SCORES, ()), start=1)
    return {count: tuple(map(float, row)) for count, row in rows if len(row) == count}


def by_report(trial: FrozenTrial) -> dict[int, tuple[float, ...]]:
    """The mean scores after the first k tasks, by k."""
    return {count: (value,) for count, value in trial.intermediate_values.items()}


WAYS: tuple[Told, ...] = (by_task, by_report)


def ways_of_all(finished: Sequence[FrozenTrial], ways: tuple[Told, ...] = WAYS) -> tuple[Told, ...]:
    """Those of the ways of telling scores in which all of these finished trials did, the most detailed first."""
    return tuple(told for told in ways if all(_ends_at_value(one, told(one)) for one in finished))


def _ends_at_value(trial: FrozenTrial, scores: Mapping[int, tuple[float, ...]]) -> bool:
    """Whether the trial's value is the mean of the scores that it told last."""
    last = scores[max(scores)] if scores else ()
    return bool(last) and trial.value is not None and math.isclose(sum(last) / len(last), trial.value, rel_tol=1e-6)
