"""Tune's OptunaSearch, which tells Optuna apart a trial that was pruned from one that finished, and can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search.optuna import OptunaSearch

from atlas.config.space import prefix_name
from atlas.config.trial import BEGUN_AS, INFEASIBLE, REFUSED, REPLACES, TrialConfig, trial_config_from
from atlas.search.feasibility import Feasibility, Verdict
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.history import spelt
from atlas.search.order_queue import OrderQueue
from atlas.search.prefix_sampler import PASSED_OVER
from atlas.search.trial_report import COMPLETE, OBJECTIVE, TASK_SCORES, TASKS_SEEN

ASKED_FOR = "asked_for"  # an attribute of trials of the queue, and of points that a resumed search has left
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

    _is_pruned: Callable[[TrialConfig], bool] = staticmethod(lambda config: False)
    _points: int = 0
    _orders: OrderQueue | None = None
    _feasibility: Feasibility | None = None
    _passes_infeasible: bool = False

    @property
    def study(self) -> Study:
        """Optuna's study."""
        study: Any = self._ot_study  # its type there is that of the time before it is made
        assert isinstance(study, Study)
        return study

    @property
    def has_proposed(self) -> bool:
        """Whether Tune was given a trial."""
        return bool(self._ot_trials)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: Tune saves its searcher every few seconds, and what it would write grows with the trials.

        A resumed search reads the trials alone (`search/history.py`).
        """

    def resume(self, finished: Iterable[FrozenTrial], begun: Iterable[BegunTrial], points: Iterable[Any]) -> None:
        """Know the trials that have finished; propose those that were begun first, and then these points."""
        for trial in finished:
            self.study.add_trial(trial)
        for one in begun:
            self.study.enqueue_trial(dict(one.parameters), user_attrs={ID: one.id, CONFIG: one.config})
        for point in points:
            self.study.enqueue_trial(dict(point), user_attrs={ASKED_FOR: True})

    def pass_over(self, is_pruned: Callable[[TrialConfig], bool], *, after: int) -> None:
        """From now on pass over proposals that would be pruned: Optuna has them as pruned, and is asked for others.

        Not of the trials up to the number `after`, which are the sweep's points.
        """
        self._is_pruned, self._points = is_pruned, after

    def constrain(self, feasibility: Feasibility, *, passes: bool) -> None:
        """From now on judge proposals and finished trials, and tell Optuna by how much they miss constraints.

        Infeasible proposals are passed over where others may be drawn (`passes`); else their trials end untrained.
        """
        self._feasibility, self._passes_infeasible = feasibility, passes

    def take_orders(self, orders: OrderQueue) -> None:
        """From now on propose the orders and other trials of the queue first."""
        self._orders = orders

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The configuration of the next trial, and the id of the one that it goes on with, or replaces."""
        config = self._suggest_open(trial_id)
        known = self._ot_trials[trial_id].user_attrs
        if config is None or ID not in known:
            return config
        return {**config, BEGUN_AS if spelt(config) == known[CONFIG] else REPLACES: known[ID]}

    def _suggest_open(self, trial_id: str) -> dict[str, Any] | None:
        """The first proposal that is not to be passed over; the last of so many where all are, which ends early.

        A trial that somebody has asked for is proposed in any case.
        """
        for order in self._orders.take() if self._orders is not None else ():
            choices = {prefix_name(order[:place]): task for place, task in enumerate(order)}
            self.study.enqueue_trial(choices, user_attrs={ASKED_FOR: True})
        for point in self._orders.take_points() if self._orders is not None else ():
            self.study.enqueue_trial(dict(point), user_attrs={ASKED_FOR: True})
        config = self._suggest_judged(trial_id)
        for _ in range(PASSED_OVER):
            asked: Any = self._ot_trials[trial_id]
            wanted = asked.number < self._points or asked.user_attrs.keys() & {ID, ASKED_FOR}
            if config is None or wanted or not self._is_left_out(trial_config_from(config)):
                break
            del self._ot_trials[trial_id]
            self.study.tell(asked, state=TrialState.PRUNED)
            config = self._suggest_judged(trial_id)
        return config

    def _is_left_out(self, config: TrialConfig) -> bool:
        return (self._passes_infeasible and bool(config.infeasible)) or self._is_pruned(config)

    def _suggest_judged(self, trial_id: str) -> dict[str, Any] | None:
        """The next proposal, with the constraint that it would miss."""
        config: dict[str, Any] | None = super().suggest(trial_id)
        if config is None or self._feasibility is None or REFUSED in config:
            return config
        verdict = self._feasibility.before(trial_config_from(config).walks())
        if not verdict.reason:
            return config
        self._tell_verdict(trial_id, verdict)
        return {**config, INFEASIBLE: verdict.reason}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Tell Optuna of a report."""
        self._tell_scores(trial_id, result)
        if result.get(TASKS_SEEN, 1):  # a trial that is not trained reports nothing of itself
            super().on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell Optuna of the trial's end: a result without objective and error counts as pruned.

        Tune flattens the result, so that it is no `TrialReport` any more.
        """
        self._tell_scores(trial_id, result or {})
        if result and result.get(COMPLETE, True) and self._feasibility is not None and trial_id in self._ot_trials:
            self._tell_verdict(trial_id, self._feasibility.after(result))
        if result and not result.get(COMPLETE, True):
            result = {name: value for name, value in result.items() if name != OBJECTIVE}
        super().on_trial_complete(trial_id, result, error)

    def _tell_verdict(self, trial_id: str, verdict: Verdict) -> None:
        trial: Any = self._ot_trials[trial_id]
        if trial_id not in self._completed_trials:
            for name, excess in verdict.excess.items():
                trial.set_constraint(name, excess)

    def _tell_scores(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Tell Optuna, and so a sampler of orders, of the scores after each task."""
        if trial_id in self._ot_trials and trial_id not in self._completed_trials and result.get(TASK_SCORES):
            trial: Any = self._ot_trials[trial_id]
            trial.set_user_attr(SCORES, result[TASK_SCORES])
