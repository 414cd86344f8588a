"""What a sweep is: a question, a space of learners, and orders that are searched or given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from atlas.config.learners import DEFAULT_STEPS, base_learner, learner_named, own_class
from atlas.config.options import Options
from atlas.config.space import Order, named_orders, order_count, suggest_order
from atlas.learners import HeadOnly, Learner, Precision, TwoStage
from atlas.learners.downstream import WAYS, Way
from atlas.runtime.errors import AtlasError
from atlas.steps.probe import Probe, shots_from
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE

if TYPE_CHECKING:
    import optuna

__all__ = ["DEFAULT_STEPS", "SMOKE", "Sweep", "base_learner", "learner_named"]

SMOKE = Options.of(tasks=("easy-vqa", "digits"), steps=8, evaluate=(64, 64), smoke=True)
SMALLER = ("tasks", "downstream", "shots", "orders", "steps", "evaluate")  # options that `--smoke` makes small


def no_search(trial: optuna.Trial, options: Options) -> Learner:
    """The learner that `--learner` names: the space of a sweep that searches orders alone."""
    return learner_named(options.training.learner, options.training)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One question, asked of many trials.

    `learner(trial, options)` suggests settings on the Optuna trial and returns the learner to try.
    `searches_orders`: each trial walks one order, proposed task by task; else each walks the same few orders, and
    their mean (or the worst of them, as `--aim` says) is what the search looks at. `points` are the settings that the
    first trials take, one each. `goal` is what a trial is judged by (see `objective`). `small` is what `--smoke` asks
    for. `any_learner`: `learner` takes whichever one `--learner` names.
    """

    name: str
    question: str
    learner: Callable[[optuna.Trial, Options], Learner] = no_search
    searches_orders: bool = False
    points: tuple[Mapping[str, Any], ...] = ()
    trials: int = 8
    defaults: Options = field(default_factory=Options)
    goal: str = AVERAGE
    small: Options = SMOKE
    any_learner: bool = False

    def smoke(self, options: Options) -> Options:
        """The very small run that `--smoke` asks for: what was given on the command line beside it stays."""
        given, small, defaults = options.flat(), self.small.flat(), self.defaults.flat()
        changed = {name: small[name] for name in SMALLER if given[name] == defaults[name]}
        return options.changed(**changed, trials=options.search.trials or len(self.points) or 2)

    def trial_count(self, options: Options) -> int:
        """How many trials: as given, else the sweep's own number; never more orders than there are."""
        if not self.searches_orders:
            return options.search.trials or self.trials
        number = _number(options)
        if written := options.search.written_orders():
            return len(written)
        return min(order_count(options.search.tasks), options.search.trials or number or self.trials)

    def orders(self, options: Options) -> tuple[Order, ...]:
        """The orders that every trial walks; none where the sweep searches them."""
        if self.searches_orders:
            return ()
        number = _number(options) or min(2, order_count(options.search.tasks))
        return options.search.written_orders() or named_orders(options.search.tasks, number)

    def check(self, options: Options) -> None:
        """Everything that needs nothing but the options.

        Raises AtlasError for orders that are none, an unknown learner, or one that this sweep has no use for.
        """
        self.trial_count(options)
        self.orders(options)
        self.references(options, "float32")
        named = learner_named(options.training.learner, options.training)
        if self.learner is no_search:
            self._probes_of(named, options)
        elif not self.any_learner and options.training.learner != self.defaults.training.learner:
            raise AtlasError(
                f"--learner {options.training.learner}: the sweep {self.name} chooses its learners itself; give "
                f"--learner to sweeps/task_order.py or sweeps/learner.py."
            )

    def propose(self, trial: optuna.Trial, options: Options, precision: Precision) -> dict[str, Any]:
        """A trial's configuration as plain values: the learner (JSON), the orders it walks, the seeds, the probes;
        and the class of a learner of the user's own.

        Raises AtlasError for a learner that is not known, and for probes of one that cannot take them.
        """
        learner = self.learner(trial, options).at_precision(precision)
        probes = self._probes_of(learner, options)
        orders = self.orders(options) or (suggest_order(trial, options.search.tasks),)
        return {
            "learner_settings": json.dumps(learner.settings(), sort_keys=True),
            **own_class(learner),
            "orders": [list(order) for order in orders],
            "seeds": list(options.search.seeds),
            "probes": json.dumps([probe.describe() for probe in probes]),
        }

    def _probes_of(self, learner: Learner, options: Options) -> tuple[Probe, ...]:
        probes = self.probes(options)
        if probes and not isinstance(learner, TwoStage):
            raise AtlasError(
                f"--downstream with the learner {learner.name!r}: unseen tasks are learnt as 'atlas' learns; "
                f"leave --downstream out, or take that learner."
            )
        return probes

    def probes(self, options: Options, ways: tuple[Way, ...] = ("experience", "both")) -> tuple[Probe, ...]:
        """The probes of every order: each downstream task, from each number of shots, in each of the ways."""
        shots = [shots_from(text) for text in options.search.shots]
        return tuple(
            Probe(task=task, way=way, shots=some)
            for task in options.search.downstream
            for some in shots
            for way in ways
        )

    def bare_probes(self, options: Options, precision: Precision) -> list[Walk]:
        """The same probes and the head alone on the bare backbone M_0: what the order's worth is measured by."""
        like, probes = base_learner(options.training).at_precision(precision), self.probes(options, WAYS)
        return [Walk(order=(), learner=like, seed=seed, probes=probes) for seed in options.search.seeds if probes]

    def references(self, options: Options, precision: Precision) -> dict[str, list[Walk]]:
        """What trials are measured by, each task alone: `lone` adapters, the `head_only`, and it `untrained`.

        The head alone has as many updates as both stages together.
        """
        like = base_learner(options.training).at_precision(precision)
        assert isinstance(like, TwoStage)
        schedule = like.expansion
        learners: dict[str, Learner] = {
            "lone": like,
            "head_only": HeadOnly(schedule=schedule.times(2)),
            "untrained": HeadOnly(schedule=replace(schedule, steps=0)),
        }
        return {
            name: [
                Walk(order=(task,), learner=learner, seed=seed)
                for seed in options.search.seeds
                for task in options.search.tasks
            ]
            for name, learner in learners.items()
        }


def _number(options: Options) -> int | None:
    """The number that `--orders` gives; None where it gives none. Raises AtlasError for what is neither."""
    orders = options.search.orders
    if all("," in text for text in orders):
        return None
    if orders == ("all",):
        return order_count(options.search.tasks)
    if len(orders) > 1 or not orders[0].isdigit() or int(orders[0]) < 1:
        raise AtlasError(
            f"--orders is {' '.join(orders)!r}; give a number of 1 or more, `all`, or orders written a,b,c."
        )
    return int(orders[0])
