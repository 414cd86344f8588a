"""Ray Tune's stopper of a sweep: it asks the sweep's own about each report."""

from __future__ import annotations

from typing import Any

from ray.tune import Stopper

from atlas.config.trial import trial_config_from
from atlas.search.early_stopping import PrefixStopper
from atlas.search.trial_report import COMPLETE, TASK_SCORES, learnt_from


class TuneStopper(Stopper):
    """Stops the trials that a `PrefixStopper` stops, beside the sweep's scheduler."""

    def __init__(self, stopper: PrefixStopper) -> None:
        self.stopper = stopper

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        config, learnt = trial_config_from(result["config"]), learnt_from(result)
        if config.infeasible:  # it ends by itself
            return False
        complete, scores = result.get(COMPLETE, True), result.get(TASK_SCORES, ())
        return self.stopper.stops(trial_id, config, learnt, complete=complete, scores=scores)

    def stop_all(self) -> bool:
        return False
