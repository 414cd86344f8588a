"""Tune's OptunaSearch, which tells Optuna apart a trial that was pruned from one that finished."""

from __future__ import annotations

from typing import Any

from ray.tune.search.optuna import OptunaSearch

from atlas.search.trial_report import COMPLETE, OBJECTIVE


class PruningOptunaSearch(OptunaSearch):
    """Optuna gets a pruned trial as pruned, with its reports as intermediate values.

    Tune's own class tells it as complete, with the last report's objective, which is relative to each task alone while
    orders are unfinished and cannot be compared with a finished trial's.
    """

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell Optuna of the trial's end: a result without objective and error counts as pruned.

        Tune flattens the result, so that it is no `TrialReport` any more.
        """
        if result and not result.get(COMPLETE, True):
            result = {name: value for name, value in result.items() if name != OBJECTIVE}
        super().on_trial_complete(trial_id, result, error)
