"""Early stopping in a simulated sweep, by `--stop-early` or a scheduler of Ray Tune that needs only the reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atlas.config.options import Options
from atlas.config.trial import TrialConfig
from atlas.runtime.errors import UserError
from atlas.search.early_stopping import PrefixStopper
from atlas.search.trial_report import TrialReport

if TYPE_CHECKING:
    from ray.tune.experiment import Trial
    from ray.tune.schedulers import TrialScheduler


class Pruner:
    """A sweep's stopper and its scheduler, asked about each report of each trial; None stops no trial.

    Schedulers that pause trials, or compare those that Tune's controller holds, cannot be simulated: they are refused.
    """

    def __init__(
        self, scheduler: Callable[[Options], TrialScheduler] | None, options: Options, stopper: PrefixStopper
    ) -> None:
        self._scheduler, self._stopper = scheduler(options) if scheduler else None, stopper
        self._trials: dict[int, Trial] = {}

    def stops(self, number: int, config: TrialConfig, report: TrialReport) -> bool:
        """Whether the trial is to be stopped after this report; the last one ends it in any case."""
        if self._stopper.stops(str(number), config, report.learnt, complete=report.complete, scores=report.scores):
            return True
        if self._scheduler is None:
            return False
        from ray.tune.schedulers import TrialScheduler

        trial, result = self._trial(number), {**report.to_tune(), "training_iteration": sum(report.finished)}
        if report.complete:
            self._ask("on_trial_complete", trial, result)
            return False
        decision = self._ask("on_trial_result", trial, result)
        if decision not in (TrialScheduler.CONTINUE, TrialScheduler.STOP):
            raise UserError(
                f"{type(self._scheduler).__name__} answers {decision}: a simulation continues or stops trials, and "
                f"cannot pause them; take a scheduler that stops them, such as ASHA."
            )
        return bool(decision == TrialScheduler.STOP)

    def fails(self, number: int) -> None:
        """Tell the scheduler of a trial that failed."""
        if self._scheduler is not None:
            self._ask("on_trial_error", self._trial(number))

    def _trial(self, number: int) -> Trial:
        from ray.tune.experiment import Trial

        if number not in self._trials:
            self._trials[number] = Trial("simulated", stub=True, trial_id=str(number))
            self._ask("on_trial_add", self._trials[number])
        return self._trials[number]

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._scheduler, method)(None, *arguments)  # in place of Tune's controller
        except AttributeError as error:
            raise UserError(
                f"{type(self._scheduler).__name__} needs Tune's controller, which a simulation has not: {error}"
            ) from error
