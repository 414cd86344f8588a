"""The tuner: Ray Tune with OptunaSearch over a sweep's space."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from atlas.cluster.ray_internals import callbacks_uncounted
from atlas.config.experiment import Experiment
from atlas.execution.sizing import TRIAL_CPUS
from atlas.runtime.interrupts import handlers_put_back
from atlas.runtime.os_errors import is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_away
from atlas.search.callback import listening_callback, tell_restored
from atlas.search.proposals import Space, make_sampler, points_of
from atlas.search.trainable import TrialSetup, run_trial
from atlas.search.trial_report import OBJECTIVE
from atlas.storage.filesystem import StoragePath

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray.tune import Tuner
    from ray.tune.experiment import Trial

log = logging.getLogger(__name__)

EXPERIMENT = "tune"
TRIAL_LOSSES = 10  # a trial lost with its process or node restarts; its finished steps are in the store


@dataclass(frozen=True, kw_only=True)
class Search:
    """A sweep's search. `setup` goes to every trial, of which `at_once` run together; Tune's state is in `folder`."""

    experiment: Experiment
    setup: TrialSetup
    folder: StoragePath
    at_once: int

    def run(self, *, resume: bool) -> None:
        """Run all trials, or resume a search that was begun; the journal of `callback.listen` is told of all trials.

        Blocks; SIGINT stops it. An unreachable storage is no error here: after the trials Tune lists their folders,
        which is of no use here.
        """
        before = retry_while_away(self._before, redacted(str(self.folder))) if resume else []
        tell_restored(before)
        with warnings.catch_warnings(), handlers_put_back(), callbacks_uncounted():
            warnings.filterwarnings("ignore", message="The reported value is ignored")  # a resumed trial reports again
            try:
                (self._restored() if before else self._tuner()).fit()
            except OSError as error:
                if not is_unreachable(error):
                    raise
                log.warning("%s does not answer: %s", redacted(str(self.folder)), error)

    def _trainable(self) -> Callable[[dict[str, Any]], None]:
        from ray import tune

        return tune.with_resources(partial(run_trial, setup=self.setup), {"CPU": TRIAL_CPUS})

    def _tuner(self) -> Tuner:
        from ray import tune
        from ray.tune.search import ConcurrencyLimiter

        from atlas.search.optuna_search import PruningOptunaSearch

        experiment, scheduler = self.experiment, self.experiment.sweep.scheduler
        search = PruningOptunaSearch(
            Space(experiment),
            metric=OBJECTIVE,
            mode="max",
            sampler=make_sampler(self.experiment),
            study_name=self.folder.name,
            points_to_evaluate=points_of(self.experiment) or None,
        )
        return tune.Tuner(
            self._trainable(),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(search, max_concurrent=self.at_once),
                scheduler=scheduler(experiment.options) if scheduler else None,
                num_samples=experiment.trial_count(),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=EXPERIMENT,
                callbacks=[listening_callback()],
                failure_config=tune.FailureConfig(max_failures=TRIAL_LOSSES),
                verbose=0,
                **self.folder.for_ray,
            ),
        )

    def _before(self) -> list[Trial]:
        """The trials in Tune's saved state; empty where it is missing or incomplete, since Tune was killed early.

        Tune would then "restore" a search of a single trial; a new search finds the trained steps in the store.
        """
        from ray.tune import ExperimentAnalysis, Tuner

        path, filesystem = self._state
        if not Tuner.can_restore(path, filesystem):
            return []
        try:
            return ExperimentAnalysis(path, storage_filesystem=filesystem).trials
        except ValueError:  # no state, or JSON that breaks off
            return []

    def _restored(self) -> Tuner:
        from ray import tune

        path, filesystem = self._state
        return tune.Tuner.restore(
            path,
            trainable=self._trainable(),
            resume_unfinished=True,
            restart_errored=True,
            storage_filesystem=filesystem,
        )

    @property
    def _state(self) -> tuple[str, FileSystem | None]:
        """Path and filesystem (None: this machine's) of Tune's state."""
        found = (self.folder / EXPERIMENT).for_ray
        return found["storage_path"], found.get("storage_filesystem")
