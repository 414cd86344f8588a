"""A sweep: a question, a space of learners, and orders that are searched or given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.learners import Learner
from atlas.steps.walk_result import AVERAGE

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from ray.tune.schedulers import TrialScheduler

SMOKE = Options.of(tasks=("easy-vqa", "digits"), steps=8, evaluate=(64, 64), smoke=True)
SMALLER = ("tasks", "downstream", "shots", "orders", "steps", "evaluate")  # options that `--smoke` makes small


Points = tuple[Mapping[str, Any], ...]  # settings of trials, by the names of their parameters


def no_search(trial: optuna.Trial, options: Options) -> Learner:
    """The learner that `--learner` names: the space of a sweep that searches orders alone."""
    return learner_named(options.training.learner, options.training)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One question and the space of trials that answer it.

    `learner(trial, options)` suggests settings on the Optuna trial and returns the learner to try.
    `searches_orders`: each trial walks one order, proposed task by task; else each walks the same few orders, and the
    search maximises their mean (or the worst of them, as `--aim` says). `points` are the settings of the first trials,
    one each, or a function of the options that gives them; those that do not suit the options, by
    `suits(point, options)`, are left out, and named in the plan (None: all do). `goal` is the objective of a trial (see
    `objective`). `small` are the options of `--smoke`, and `smoke_points` its settings, in place of `points`.
    `any_learner`: `learner` takes the one that `--learner` names. `searched` names options that the space decides by
    itself, so that none may be given. `objectives` are costs of the Pareto front that the end prints (see `COSTS` of
    the report). After the search the best trial's setting is walked along so many `held_out` orders that no trial took;
    for sweeps that search orders and settings together.

    `sampler(options)` gives the Optuna sampler of the search (None: TPE, over prefixes where orders are searched).
    `scheduler(options)` gives a scheduler of Ray Tune that may stop trials early (None: none does); it is made with
    `metric="objective", mode="max", time_attr="tasks_seen"`, since a trial reports after each task of its orders.
    """

    name: str
    question: str
    learner: Callable[[optuna.Trial, Options], Learner] = no_search
    searches_orders: bool = False
    points: Points | Callable[[Options], Points] = ()
    trials: int = 8
    defaults: Options = field(default_factory=Options)
    goal: str = AVERAGE
    small: Options = SMOKE
    smoke_points: Points = ()
    any_learner: bool = False
    searched: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    held_out: int = 0
    suits: Callable[[Mapping[str, Any], Options], bool] | None = None
    sampler: Callable[[Options], BaseSampler] | None = None
    scheduler: Callable[[Options], TrialScheduler] | None = None

    def all_points(self, options: Options, *, smoke: bool = False) -> Points:
        """The settings of the first trials, of a smoke run or not, also those that do not suit the options."""
        points = (self.smoke_points if smoke else ()) or self.points
        return points(options) if callable(points) else points

    def points_under(self, options: Options, *, smoke: bool) -> Points:
        """The settings of the first trials under these options, of a smoke run or not."""
        points = self.all_points(options, smoke=smoke)
        return tuple(point for point in points if self.suits is None or self.suits(point, options))

    def smoke(self, options: Options, named: Collection[str] = ()) -> Options:
        """The options of the very small run of `--smoke`; options that were given with it stay.

        An option counts as given where it differs from the defaults, or is `named` on the command line. Orders that
        are written out keep the tasks that they are orders of, and a suite its own; subsets have some to choose from.
        """
        given, small, defaults = options.flat(), self.small.flat(), self.defaults.flat()
        changed = {name: small[name] for name in SMALLER if given[name] == defaults[name] and name not in named}
        search = options.search
        if search.suite or search.subset_size or search.named_in_orders() - set(self.small.search.tasks):
            changed.pop("tasks", None)
        if self.searches_orders and search.orders:
            return options.changed(**changed)  # which say how many trials there are
        points = len(self.points_under(options, smoke=True))
        return options.changed(**changed, trials=search.trials or points or 2)
