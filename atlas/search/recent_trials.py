"""TPE whose proposals cost no more after many trials: it reads the best and the latest of them. It needs Optuna alone.

TPE compares the best trials, 25 at most, with all others, of which it gives the oldest next to no weight
(Bergstra et al., 2011; the weights are Optuna's). Its time grows with the others.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

MOST = 2000  # ended trials that are all read
LATEST = 1000  # of more, so many are read, and those that end until they are MOST again
BEST = 100  # and the best of all
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class RecentTPESampler(TPESampler):
    """Optuna's TPE, and the same proposals up to `MOST` ended trials; of more it reads the best and the latest."""

    def __init__(self, **given: Any) -> None:
        """With the arguments of `TPESampler`."""
        super().__init__(**given)
        self._recent: WeakKeyDictionary[Study, RecentTrials] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Without the trials, which are read from the study again."""
        return {name: value for name, value in vars(self).items() if name != "_recent"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._recent = WeakKeyDictionary()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are drawn together."""
        return super().infer_relative_search_space(self._read(study, trial), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Their values."""
        return super().sample_relative(self._read(study, trial), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of a parameter that is drawn by itself."""
        return super().sample_independent(self._read(study, trial), trial, param_name, param_distribution)

    def _read(self, study: Study, trial: FrozenTrial) -> Study:
        return self._recent.setdefault(study, RecentTrials()).study(study, trial.number)


class RecentTrials:
    """The trials of a study that are read: all up to `MOST` that have ended, else the best and the latest."""

    def __init__(self) -> None:
        self._ended: list[FrozenTrial] = []
        self._open: list[int] = []  # places of trials that have not ended
        self._read = 0
        self._all = True
        self._asked: tuple[int, _ReadStudy | None] = (-1, None)

    def study(self, study: Study, asking: int) -> Study:
        """The study itself, or as it is read; the same as long as one trial asks."""
        if len(study.directions) > 1:
            return study
        if self._asked[0] != asking:
            running = self._add(study)
            read = sorted((*self._ended, *running), key=lambda one: one.number)
            self._asked = asking, None if self._all else _ReadStudy(study, read)
        return self._asked[1] or study

    def _add(self, study: Study) -> list[FrozenTrial]:
        """Read the trials that have ended since; those that have not."""
        trials = study.get_trials(deepcopy=False)
        places = [*self._open, *range(self._read, len(trials))]
        self._open, self._read = [place for place in places if not trials[place].state.is_finished()], len(trials)
        self._ended += [trials[place] for place in places if trials[place].state in ENDED]
        if len(self._ended) > MOST:
            self._ended, self._all = _kept(self._ended, study.direction), False
        return [trials[place] for place in self._open]


class _ReadStudy(Study):
    """A study of whose trials some alone are read; all else is its own.

    `_get_trials` is what Optuna's samplers call. Were it renamed, they would read all trials.
    """

    def __init__(self, study: Study, trials: Sequence[FrozenTrial]) -> None:
        vars(self).update(vars(study))
        self._kept = trials

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [one for one in self._kept if states is None or one.state in states]


def _kept(trials: Sequence[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
    """The best and the latest of the trials."""
    sign = 1.0 if direction == StudyDirection.MINIMIZE else -1.0
    finished = [one for one in trials[:-LATEST] if one.state == TrialState.COMPLETE and one.value is not None]
    feasible = [one for one in finished if not any(value > 0 for value in one.constraints.values())]
    best = sorted(feasible, key=lambda one: sign * (one.value or 0.0))[:BEST]
    return [*best, *trials[-LATEST:]]
