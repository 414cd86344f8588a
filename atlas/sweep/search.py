"""The search: Ray Tune with OptunaSearch over a sweep's space, each trial a thin walk."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from atlas.config.options import Options
from atlas.config.space import order_count, prefix_name
from atlas.config.sweep import Sweep
from atlas.execution.sizing import TRIAL_CPUS
from atlas.learners import Precision
from atlas.runtime.interrupts import handlers_put_back
from atlas.runtime.redact import redacted
from atlas.runtime.retry import is_away, when_it_answers
from atlas.steps.walk import Walk
from atlas.storage.filesystem import Place
from atlas.sweep.journal import listening_callback, tell_restored
from atlas.sweep.trial import TrialSetup, run_trial, walks_of

if TYPE_CHECKING:
    import optuna
    from ray.tune import Tuner
    from ray.tune.experiment import Trial

log = logging.getLogger(__name__)

EXPERIMENT = "tune"
TRIAL_LOSSES = 10  # a trial lost with its process or node walks again; what it had taken is there


def make_sampler(sweep: Sweep, options: Options) -> optuna.samplers.BaseSampler:
    """TPE over prefixes for orders; multivariate TPE for settings. Seeded by the sweep's first seed."""
    from optuna.samplers import TPESampler

    from atlas.sweep.sampler import PrefixSampler

    if sweep.searches_orders:
        return PrefixSampler(options.tasks, seed=options.seeds[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `group` is called experimental; without it conditional settings draw alone
        return TPESampler(seed=options.seeds[0], multivariate=True, group=True, n_startup_trials=4)


def rehearsed(sweep: Sweep, options: Options, precision: Precision) -> list[list[Walk]]:
    """The walks of each trial as the sampler would draw them without any result: exact where all orders are tried."""
    from atlas.sweep.sampler import rehearse

    trials: list[list[Walk]] = []
    written = _points(sweep, options)

    def ask(trial: optuna.Trial) -> None:
        trials.append(walks_of(sweep.propose(trial, options, precision)))

    rehearse(make_sampler(sweep, options), ask, sweep.trial_count(options), points=written)
    return trials


def is_exact(sweep: Sweep, options: Options) -> bool:
    """Whether the trials are known before any result: all orders, orders that were written out, or given points."""
    if not sweep.searches_orders:
        return sweep.trial_count(options) <= len(sweep.points)
    return bool(options.parsed_orders(options.tasks)) or sweep.trial_count(options) == order_count(options.tasks)


@dataclass(frozen=True)
class Space:
    """The sweep's space as OptunaSearch calls it. It pickles whatever functions the sweep is made of."""

    sweep: Sweep
    options: Options
    precision: Precision

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """A trial's configuration."""
        return self.sweep.propose(trial, self.options, self.precision)

    def __reduce__(self) -> tuple[Any, ...]:
        """OptunaSearch saves itself with plain pickle, which knows no functions of a script."""
        from ray import cloudpickle

        return _space_from, (cloudpickle.dumps((self.sweep, self.options, self.precision)),)


def _space_from(pickled: bytes) -> Space:
    from ray import cloudpickle

    return Space(*cloudpickle.loads(pickled))


@dataclass(frozen=True, kw_only=True)
class Search:
    """A sweep's search and where its state lies. `setup` goes to every trial, of which `at_once` run together."""

    sweep: Sweep
    options: Options
    precision: Precision
    setup: TrialSetup
    folder: Place
    at_once: int

    def run(self, *, resume: bool) -> None:
        """Run all trials, or resume those that were begun; what happens is told to `journal.listen`.

        So is what had finished before. Blocks; SIGINT stops it. Tune ends, too, where it needs the storage and that
        does not answer: after the trials to list what they left, which nobody asks for here.
        """
        before = when_it_answers(self._before, redacted(str(self.folder))) if resume else []
        tell_restored(before)
        with warnings.catch_warnings(), handlers_put_back():
            warnings.filterwarnings("ignore", message="The reported value is ignored")  # a resumed trial reports again
            try:
                (self._restored() if before else self._tuner()).fit()
            except OSError as error:
                if not is_away(error):
                    raise
                log.warning("%s does not answer: %s", redacted(str(self.folder)), error)

    def _trainable(self) -> Callable[[dict[str, Any]], None]:
        from ray import tune

        return tune.with_resources(partial(run_trial, setup=self.setup), {"CPU": TRIAL_CPUS})

    def _tuner(self) -> Tuner:
        from ray import tune
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        search = OptunaSearch(
            Space(self.sweep, self.options, self.precision),
            metric="objective",
            mode="max",
            sampler=make_sampler(self.sweep, self.options),
            study_name=self.folder.name,
            points_to_evaluate=_points(self.sweep, self.options) or None,
        )
        return tune.Tuner(
            self._trainable(),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(search, max_concurrent=self.at_once),
                num_samples=self.sweep.trial_count(self.options),
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
        """The trials in Tune's saved state.

        None where there is no whole one: it was stopped before, or killed while it wrote. Tune would then "restore" a
        search of one trial; begun anew it finds in the store what was learnt.
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
    def _state(self) -> tuple[str, Any]:
        """Where Tune keeps the search: path and filesystem (None: this machine's)."""
        found = (self.folder / EXPERIMENT).for_ray
        return found["storage_path"], found.get("storage_filesystem")


def _points(sweep: Sweep, options: Options) -> list[dict[str, Any]]:
    """What the first trials are to take: the sweep's own, and orders written out, as the parameters that spell them."""
    if not sweep.searches_orders:
        return [dict(point) for point in sweep.points]
    spelt = [
        {prefix_name(order[:i]): task for i, task in enumerate(order[:-1])}
        for order in options.parsed_orders(options.tasks)
    ]
    nothing: dict[str, Any] = {}
    return [{**point, **order} for point, order in zip_longest(sweep.points, spelt, fillvalue=nothing)]
