"""The tuner: Ray Tune with OptunaSearch over a sweep's space."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from atlas.cluster.ray_internals import callbacks_uncounted
from atlas.config.experiment import Experiment
from atlas.execution.sizing import TRIAL_CPUS
from atlas.runtime.interrupts import handlers_put_back
from atlas.runtime.os_errors import is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_away
from atlas.search.callback import listening_callback, tell_finished
from atlas.search.early_stopping import PrefixStopper, make_stopper
from atlas.search.feasibility import Feasibility
from atlas.search.history import SearchHistory, next_run, read_history
from atlas.search.order_queue import OrderQueue
from atlas.search.proposals import Space, is_exact, leaves_orders_out, make_sampler, points_of
from atlas.search.trainable import TrialSetup, run_trial
from atlas.search.trial_report import OBJECTIVE
from atlas.storage.filesystem import StoragePath

if TYPE_CHECKING:
    from ray.tune import Tuner

    from atlas.search.optuna_search import PruningOptunaSearch

log = logging.getLogger(__name__)

TRIAL_LOSSES = 10  # a trial lost with its process or node restarts; its finished steps are in the store


@dataclass(frozen=True, kw_only=True)
class Search:
    """A sweep's search. `setup` goes to every trial, of which `at_once` run together; Tune's state is in `folder`.

    `stopper` stops trials early, by default that of `--stop-early`. `orders` are proposed before the sampler's own.
    `feasibility` judges trials by the sweep's constraints.
    """

    experiment: Experiment
    setup: TrialSetup
    folder: StoragePath
    at_once: int
    stopper: PrefixStopper | None = None
    orders: OrderQueue = field(default_factory=OrderQueue)
    feasibility: Feasibility = field(default_factory=Feasibility)

    def run(self, *, resume: bool) -> None:
        """Run all trials, or those that an interrupted search left; the journal of `callback.listen` is told of all.

        Blocks; SIGINT stops it. Raises StorageUnavailable where the storage does not answer for half an hour.
        """
        where = redacted(str(self.folder))
        history = retry_while_away(lambda: read_history(self.folder), where) if resume else SearchHistory()
        tell_finished(history)
        if self._left(history) <= 0:
            return
        with warnings.catch_warnings(), callbacks_uncounted():
            retry_while_away(lambda: self._fit(history), where)

    def _fit(self, history: SearchHistory) -> None:
        """Run Tune. Raises OSError where the storage is out of reach before it has begun a trial: it may run again.

        Afterwards that is no error: once the trials have ended, Tune lists their folders, which is of no use here.
        """
        searcher = self._searcher(history)
        with handlers_put_back():
            try:
                self._tuner(history, searcher).fit()
            except OSError as error:
                if not is_unreachable(error) or not searcher.has_proposed:
                    raise
                log.warning("%s does not answer: %s", redacted(str(self.folder)), error)

    @cached_property
    def _stopper(self) -> PrefixStopper:
        return self.stopper or make_stopper(self.experiment)

    def _left(self, history: SearchHistory) -> int:
        return self.experiment.trial_count() - len(history.finished)

    def _trainable(self) -> Callable[[dict[str, Any]], None]:
        from ray import tune

        return tune.with_resources(partial(run_trial, setup=self.setup), {"CPU": TRIAL_CPUS})

    def _tuner(self, history: SearchHistory | None = None, searcher: PruningOptunaSearch | None = None) -> Tuner:
        from ray import tune
        from ray.tune.search import ConcurrencyLimiter

        from atlas.search.resumption import know_history
        from atlas.search.tune_stopper import TuneStopper

        experiment, scheduler = self.experiment, self.experiment.sweep.scheduler
        history = history or SearchHistory()
        know_history(self._stopper, self.orders, history)
        return tune.Tuner(
            self._trainable(),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(searcher or self._searcher(history), max_concurrent=self.at_once),
                scheduler=scheduler(experiment.options) if scheduler else None,
                num_samples=self._left(history),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=next_run(self.folder),
                callbacks=[listening_callback()],
                stop=TuneStopper(self._stopper),
                failure_config=tune.FailureConfig(max_failures=TRIAL_LOSSES),
                verbose=0,
                **self.folder.for_ray,
            ),
        )

    def _searcher(self, history: SearchHistory) -> PruningOptunaSearch:
        from atlas.search.optuna_search import PruningOptunaSearch
        from atlas.search.resumption import resume_search, sampler_after

        experiment, known = self.experiment, bool(history.trials)
        search = PruningOptunaSearch(
            Space(experiment),
            metric=OBJECTIVE,
            mode="max",
            sampler=sampler_after(experiment, history) if known else make_sampler(experiment),
            study_name=self.folder.name,
            points_to_evaluate=None if known else points_of(experiment) or None,
        )
        if leaves_orders_out(experiment):
            search.pass_over(self._stopper.is_pruned, after=0 if known else len(points_of(experiment)))
        search.take_orders(self.orders)
        if self.feasibility.constraints:
            search.constrain(self.feasibility, passes=not is_exact(experiment))
        if known:
            resume_search(search, experiment, history, self.feasibility)
        return search
