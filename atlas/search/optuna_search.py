"""Tune's OptunaSearch, which tells Optuna apart a trial that was pruned from one that finished, and can be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial
from ray.tune.search.optuna import OptunaSearch

from atlas.config.trial import BEGUN_AS, REPLACES
from atlas.search.history import spelt
from atlas.search.trial_report import COMPLETE, OBJECTIVE

ID, CONFIG = "id", "config"  # of a trial that was begun, among Optuna's attributes of the one that is proposed for it


@dataclass(frozen=True, kw_only=True)
class BegunTrial:
    """A trial that an interrupted run began: its id, the parameters to suggest again, and its `spelt` configuration."""

    id: str
    parameters: Mapping[str, Any]
    config: str


class PruningOptunaSearch(OptunaSearch):
    """Optuna gets a pruned trial as pruned, with its reports as intermediate values.

    Tune's own class tells it as complete, with the last report's objective, which is relative to each task alone while
    orders are unfinished and cannot be compared with a finished trial's.
    """

    @property
    def study(self) -> Study:
        """Optuna's study."""
        study: Any = self._ot_study  # its type there is that of the time before it is made
        assert isinstance(study, Study)
        return study

    def resume(self, finished: Iterable[FrozenTrial], begun: Iterable[BegunTrial], points: Iterable[Any]) -> None:
        """Know the trials that have finished; propose those that were begun first, and then these points."""
        for trial in finished:
            self.study.add_trial(trial)
        for one in begun:
            self.study.enqueue_trial(dict(one.parameters), user_attrs={ID: one.id, CONFIG: one.config})
        for point in points:
            self.study.enqueue_trial(dict(point))

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The configuration of the next trial, and the id of the one that it goes on with, or replaces."""
        config: dict[str, Any] | None = super().suggest(trial_id)
        known = self._ot_trials[trial_id].user_attrs
        if config is None or ID not in known:
            return config
        return {**config, BEGUN_AS if spelt(config) == known[CONFIG] else REPLACES: known[ID]}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell Optuna of the trial's end: a result without objective and error counts as pruned.

        Tune flattens the result, so that it is no `TrialReport` any more.
        """
        if result and not result.get(COMPLETE, True):
            result = {name: value for name, value in result.items() if name != OBJECTIVE}
        super().on_trial_complete(trial_id, result, error)
