"""Early stopping on the tree of prefixes: a prefix that does badly beside others as long is pruned, with all below it.

A prefix is a learner, the seeds, and the first tasks of each order. Its value is the relative accuracy after its last
task (`WalkResult.progress`): the same measure from a trial's first report to its last, whereas a trial's objective is
another figure once its orders are complete. Trials that share a prefix share its value, so that it counts once.

With `forecast` a trial is given up by itself, where the scores after all prefixes let it expect no best objective.

Optuna is told of a trial that is stopped as pruned, Ray Tune as stopped, MLflow as killed with the tag `atlas.ended`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from atlas.config.experiment import Experiment
from atlas.config.search import EarlyStop
from atlas.config.space import Order
from atlas.config.trial import TrialConfig
from atlas.runtime.text import counted
from atlas.search.forecast import Forecast, Scores

Prefix: TypeAlias = tuple[str, tuple[tuple[str, ...], ...]]  # learner and seeds, first tasks of each order
Rule: TypeAlias = Callable[[float, Sequence[float]], bool]  # whether a value is too low beside others

SHORTEST = 3  # tasks of an order that can be stopped: after the second one there is another to come
LEAST = 4  # values of other prefixes as long, before one is compared with them
REDUCTION = 3  # of ASHA: one of so many goes on


def below_median(value: float, others: Sequence[float]) -> bool:
    """Whether a value is below the median of the others (Golovin et al., 2017)."""
    return len(others) >= LEAST and value < statistics.median(others)


def below_top(value: float, others: Sequence[float]) -> bool:
    """Whether a value is not in the top third of all, as asynchronous successive halving asks (Li et al., 2020)."""
    if len(others) < LEAST:
        return False
    top = max(1, (len(others) + 1) // REDUCTION)
    return value < sorted([*others, value], reverse=True)[top - 1]


RULES: Mapping[EarlyStop, Rule] = {"median": below_median, "asha": below_top}


@dataclass
class PrefixStopper:
    """Stops trials by a rule or a forecast (None: none but those under a prefix that was pruned by hand).

    A prefix of one task is never pruned by the rule: it is the task trained alone. `cut` are first tasks of orders, and
    `by_hand` trials by their ids (with the reason), that people have ended. `stopped` says why a trial was, by its id.
    """

    rule: Rule | None
    forecast: Forecast | None = None
    pruned: dict[Prefix, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    cut: set[Order] = field(default_factory=set)
    by_hand: dict[str, str] = field(default_factory=dict)
    _values: dict[int, dict[Prefix, float]] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[PrefixStopper], tuple[None]]:
        """Tune saves it with its own state, beside other threads, and nobody restores that: a new one knows nothing."""
        return PrefixStopper, (None,)

    def stops(
        self, trial: str, config: TrialConfig, learnt: Sequence[float], *, complete: bool, scores: Scores = ()
    ) -> bool:
        """Whether the trial of that id is to be stopped after this report, as `reason` or the forecast says.

        `scores`: as a trial's reports have them.
        """
        reason = self.reason(config, learnt, complete=complete)
        if self.forecast is not None:
            self.forecast.learn(trial, config, scores)
            reason = reason or ("" if complete else self.forecast.reason(trial))
        if not complete and trial in self.by_hand:
            reason = self.by_hand[trial]
        if reason:
            self.stopped[trial] = reason
        return bool(reason)

    def reason(self, config: TrialConfig, learnt: Sequence[float], *, complete: bool) -> str:
        """Why the trial is to be stopped after this report, empty where it goes on.

        `learnt` are its values after each task so far; a `complete` trial goes on, and its values count for others.
        """
        if self.rule is not None:  # else no value is compared with another
            for depth, (prefix, value) in enumerate(zip(_prefixes(config, len(learnt)), learnt, strict=True), start=1):
                self._values.setdefault(depth, {})[prefix] = value
        if complete:
            return ""
        return self.pruned_above(config, len(learnt)) or self._judge(config, learnt)

    def pruned_above(self, config: TrialConfig, depth: int) -> str:
        """Why a trial that has taken `depth` tasks is under a pruned prefix; empty where it is under none."""
        if len(config.orders) == 1 and any(config.orders[0][: len(one)] == one for one in tuple(self.cut)):
            return "its first tasks were pruned by hand"
        prefixes = _prefixes(config, depth) if self.pruned else ()
        return next((self.pruned[prefix] for prefix in prefixes if prefix in self.pruned), "")

    def is_pruned(self, config: TrialConfig) -> bool:
        """Whether a trial to come would be stopped before its end by a prefix that is pruned already."""
        given_up = self.forecast is not None and self.forecast.has_given_up(config)
        return given_up or bool(self.pruned_above(config, len(config.orders[0]) - 1))

    def restore(
        self, trial: str, config: TrialConfig, learnt: Sequence[float], *, stopped: bool, scores: Scores = ()
    ) -> None:
        """Know a trial of an earlier run: its values, and that it was `stopped` where it was."""
        self.reason(config, learnt, complete=True)
        if self.forecast is not None:
            self.forecast.learn(trial, config, scores, stopped=stopped)
        elif stopped and learnt:
            self.pruned[prefix_of(config, len(learnt))] = "stopped early, before the sweep was resumed"

    def _judge(self, config: TrialConfig, learnt: Sequence[float]) -> str:
        depth = len(learnt)
        if self.rule is None or depth < 2:
            return ""
        prefix = prefix_of(config, depth)
        others = [value for other, value in self._values[depth].items() if other != prefix]
        if not self.rule(learnt[-1], others):
            return ""
        self.pruned[prefix] = (
            f"relative accuracy {learnt[-1]:.1f} % after {counted(depth, 'task')}, {_line_of(self.rule, others)}"
        )
        return self.pruned[prefix]


def _line_of(rule: Rule, others: Sequence[float]) -> str:
    """What a value had to reach beside the others, in words."""
    if rule is below_top:
        return f"which is not in the top third of it and {counted(len(others), 'other')}"
    return f"the median of {counted(len(others), 'other')} is {statistics.median(others):.1f} %"


def rule_in_words(experiment: Experiment) -> str:
    """The rule of `--stop-early` as the plan shows it, and where no trial can be stopped by it, why; empty without one.

    A prefix is judged from its second task on, before its order is complete, and beside LEAST others.
    """
    rule, trials = experiment.options.search.stop_early, experiment.trial_count()
    if rule == "none":
        return ""
    tasks = experiment.options.search.order_size
    if tasks < SHORTEST or trials <= LEAST:
        return (
            f"{rule}: stops none of these trials, as it takes {SHORTEST} tasks or more, and more than {LEAST} trials "
            f"(here {tasks} and {trials})"
        )
    return f"{rule}, from the second task on, beside at least {LEAST} others"


def make_stopper(experiment: Experiment) -> PrefixStopper:
    """The stopper of `--stop-early`."""
    search = experiment.options.search
    forecast = Forecast(search.tasks, noisy=search.seeds_as_needed) if search.stop_early == "forecast" else None
    return PrefixStopper(RULES.get(search.stop_early), forecast)


def prefix_of(config: TrialConfig, depth: int) -> Prefix:
    """The prefix of so many tasks."""
    return _settings(config), tuple(order[:depth] for order in config.orders)


def _prefixes(config: TrialConfig, depth: int) -> list[Prefix]:
    """The prefixes of one task, of two, and so on up to `depth`, whose settings are one text."""
    settings = sys.intern(_settings(config))
    return [(settings, tuple(order[:taken] for order in config.orders)) for taken in range(1, depth + 1)]


def _settings(config: TrialConfig) -> str:
    return json.dumps([config.learner.settings(), list(config.seeds)], sort_keys=True, default=str)
