"""Question: what do settings and an order cost to find together, beside settings first and then orders?

Command: python -m benchmarks.joint benchmarks/tables/settings.json --tasks 4 --seeds 30
Cost: about 4 minutes on one core. Expect: together, by one model, is cheapest.

Worlds are a recorded table, whose variants are settings (benchmarks/record_table.py --sweep), and synthetic landscapes
of orders in which ranks, combinations and schedules add to each task's scores by random amounts. A pair is known at the
first trial whose pair is within 1 % of the range (best minus worst) of the best. A step is a distinct prefix with
distinct settings. Searches:

    random         a setting and an order at random, none twice
    TPE            both by TPE: settings jointly, the order over its tree of prefixes
    settings first each setting once along two orders, then the model over the orders for the best of them
    together       the model over orders and settings
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order
from atlas.search.gaussian_process_sampler import SCORES, GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler
from benchmarks.search import Row
from benchmarks.worlds import Recorded, synthetic

COLUMNS = "{:>18} {:>6} {:>22} {:>8} {:>15} {:>8}"
SPACE: Mapping[str, tuple[Any, ...]] = {
    "rank": (4, 8, 16, 32),
    "combination": ("learned", "uniform"),
    "schedule": (0.5, 1.0, 2.0),
}
Setting = tuple[Any, ...]  # a value a parameter
POINTS = 1.5  # standard deviation of what a value adds to a task's score


class JointWorld(Protocol):
    """Scores of prefixes with settings."""

    @property
    def tasks(self) -> Order:
        """The tasks."""

    @property
    def space(self) -> Mapping[str, Sequence[Any]]:
        """The values of each parameter."""

    @property
    def extremes(self) -> tuple[float, float]:
        """The least and the greatest value of a pair."""

    def scores(self, setting: Setting, prefix: Order) -> Sequence[float]:
        """The scores of a prefix's tasks after its last."""


@dataclass(frozen=True)
class SyntheticJoint:
    """A landscape of orders, with an effect of each value of `SPACE` on each task."""

    count: int
    seed: int

    @property
    def tasks(self) -> Order:
        """Letters."""
        return synthetic(self.count, self.seed).tasks

    @property
    def space(self) -> Mapping[str, Sequence[Any]]:
        """Ranks, combinations, schedules."""
        return SPACE

    @cached_property
    def effects(self) -> Mapping[tuple[str, Any], Mapping[str, float]]:
        """What each value adds to each task's score."""
        draw = np.random.default_rng(self.seed + 1000)
        values = [(name, value) for name, some in SPACE.items() for value in some]
        return {one: dict(zip(self.tasks, draw.normal(0.0, POINTS, self.count), strict=True)) for one in values}

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Those of orders and of settings, which add up."""
        sums = [
            sum(sum(self.effects[one].values()) for one in zip(SPACE, setting, strict=True)) / self.count
            for setting in product(*SPACE.values())
        ]
        worst, best = synthetic(self.count, self.seed).extremes
        return worst + min(sums), best + max(sums)

    def scores(self, setting: Setting, prefix: Order) -> Sequence[float]:
        """The landscape's scores and the effects."""
        given = [self.effects[one] for one in zip(SPACE, setting, strict=True)]
        scores = synthetic(self.count, self.seed).scores(prefix)
        return [score + sum(one[task] for one in given) for score, task in zip(scores, prefix, strict=True)]


@dataclass(frozen=True)
class RecordedJoint:
    """A recorded table of settings, of one seed."""

    tasks: Order
    space: Mapping[str, Sequence[Any]]
    tables: Mapping[Setting, Recorded]

    @property
    def extremes(self) -> tuple[float, float]:
        """Of all pairs."""
        values = [table.value(order) for table in self.tables.values() for order in permutations(self.tasks)]
        return min(values), max(values)

    def scores(self, setting: Setting, prefix: Order) -> Sequence[float]:
        """The recorded scores."""
        return self.tables[setting].scores(prefix)


def recorded_joint(path: Path) -> list[RecordedJoint]:
    """The worlds of a table of settings, one a seed."""
    table = json.loads(path.read_text())
    names = sorted(table["variants"][0]["settings"])
    space = {name: sorted({one["settings"][name] for one in table["variants"]}) for name in names}
    tables = {tuple(one["settings"][name] for name in names): one for one in table["variants"]}
    tasks = tuple(table["tasks"])

    def of_seed(place: int) -> RecordedJoint:
        each = {
            setting: Recorded(tasks, {tuple(name.split(" > ")): [rows[place]] for name, rows in one["scores"].items()})
            for setting, one in tables.items()
        }
        return RecordedJoint(tasks, space, each)

    return [of_seed(place) for place in range(len(table["variants"][0]["seeds"]))]


@dataclass
class Search:
    """A search that goes on until it knows a pair that is good enough, or has trained `budget` steps."""

    world: JointWorld
    budget: int

    def __post_init__(self) -> None:
        worst, best = self.world.extremes
        self.least = best - 0.01 * (best - worst)
        self.trained: set[tuple[Setting, Order]] = set()
        self.known = math.inf
        self.space = OrderSpace(self.world.tasks)

    @property
    def is_over(self) -> bool:
        """Whether a pair is known, or the budget is spent."""
        return math.isfinite(self.known) or len(self.trained) >= self.budget

    def walk(self, setting: Setting, order: Order) -> list[Sequence[float]]:
        """Train the steps of a pair; gives its scores after each task."""
        prefixes = [order[: place + 1] for place in range(len(order))]
        self.trained |= {(setting, prefix) for prefix in prefixes}
        rows = [self.world.scores(setting, prefix) for prefix in prefixes]
        if sum(rows[-1]) / len(order) >= self.least:
            self.known = min(self.known, len(self.trained))
        return rows

    def run(self, sampler: BaseSampler, setting: Setting | None = None) -> float:
        """Search with a sampler, with the setting as it is given; the steps until a pair was known."""
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for _ in range(10 * self.budget):
            if self.is_over:
                break
            trial = study.ask()
            chosen = setting or tuple(
                trial.suggest_categorical(name, list(some)) for name, some in self.world.space.items()
            )
            rows = self.walk(chosen, self.space.suggest(trial))
            trial.set_user_attr(SCORES, [list(row) for row in rows])
            study.tell(trial, sum(rows[-1]) / len(rows))
        return self.known

    def settings_first(self, seed: int) -> float:
        """Every setting along two orders, then orders with the best."""
        orders, best = (self.world.tasks, self.world.tasks[::-1]), (-math.inf, ())
        for setting in product(*self.world.space.values()):
            mean = float(np.mean([self.walk(setting, order)[-1] for order in orders]))
            best = max(best, (mean, setting), key=lambda pair: pair[0])
            if self.is_over:
                return self.known
        return self.run(GaussianProcessOrderSampler(self.world.tasks, seed=seed, noisy=False), best[1])


def steps_until_known(name: str, world: JointWorld, seed: int, budget: int) -> float:
    """Steps until a pair is known; infinite where none is by the budget's end."""
    search = Search(world, budget)
    if name == "settings first":
        return search.settings_first(seed)
    if name == "random":
        return search.run(RandomSampler(seed=seed))
    if name == "TPE":
        return search.run(PrefixSampler(world.tasks, seed=seed))
    return search.run(GaussianProcessOrderSampler(world.tasks, seed=seed, noisy=False))


SEARCHES = ("random", "TPE", "settings first", "together")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="*", metavar="FILE")
    parser.add_argument("--tasks", type=int, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--budget", type=int, default=600, help="steps")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(COLUMNS.format("world", "noise", "search", "median", "95 %", "known"), flush=True)
    worlds: dict[str, list[JointWorld]] = {path.stem: [*recorded_joint(path)] for path in given.tables}
    worlds |= {f"{count} tasks": [SyntheticJoint(count, seed) for seed in range(given.seeds)] for count in given.tasks}
    for world, some in worlds.items():
        for name in SEARCHES:
            steps = tuple(
                steps_until_known(name, some[seed % len(some)], seed, given.budget) for seed in range(given.seeds)
            )
            row = Row(world=world, noise=0.0, search=name, budget=given.budget, steps=steps)
            print(COLUMNS.format(*row.columns()), flush=True)


if __name__ == "__main__":
    main()
