"""Question: how many steps does early stopping save, until an order within 1 % of the best is known?

Command: python -m benchmarks.early_stopping [--tasks 6] [--seeds 15] [--samplers random tpe orders]
Cost: two minutes of one core a sampler. Expect: the forecast saves most where orders are drawn at random, and nothing
beside the sampler of orders, which proposes by the same model.

Landscapes are synthetic, one a seed, without noise. A step is a distinct prefix, so that a prefix counts once. Trials
are taken one after another by the real stopper and sampler, without broker and clock, until `--budget` steps.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import optuna

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.search import EARLY_STOPS, EarlyStop
from atlas.config.space import Order
from atlas.config.sweep import Sweep
from atlas.config.trial import TrialConfig
from atlas.search.early_stopping import PrefixStopper, make_stopper
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.optuna_search import PASSED_OVER
from atlas.search.proposals import make_sampler
from benchmarks.search import Row
from benchmarks.worlds import Synthetic, synthetic

SAMPLERS = {"random": "random", "tpe": "", "orders": "orders"}  # values of --sampler
MOST = 10  # trials for each step of the budget: those that are stopped at once cost none
COLUMNS = "{:>10} {:>10} {:>8} {:>15} {:>8}"


@dataclass
class Search:
    """A search over the orders of a landscape, with an early stopping rule."""

    world: Synthetic
    experiment: Experiment
    budget: int

    def __post_init__(self) -> None:
        worst, best = self.world.extremes
        self.least = best - 0.01 * (best - worst)
        self.alone = {task: self.world.scores((task,))[0] for task in self.world.tasks}
        self.trained: set[Order] = set()

    def run(self) -> float:
        """The steps until an order is known; infinite where none is by the end of the budget."""
        study = optuna.create_study(direction="maximize", sampler=make_sampler(self.experiment))
        stopper = make_stopper(self.experiment)
        for number in range(MOST * self.budget):
            if len(self.trained) >= self.budget:
                break
            asked, config = self._asked(study, stopper)
            value = self._walk(str(number), asked, config, stopper)
            if value is None:
                study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                continue
            study.tell(asked, value)
            if value >= self.least:
                return len(self.trained)
        return math.inf

    def _asked(self, study: optuna.Study, stopper: PrefixStopper) -> tuple[optuna.Trial, TrialConfig]:
        """The next trial that is not stopped beforehand, as a sweep takes it."""
        asked = study.ask()
        config = self.experiment.propose(asked)
        for _ in range(PASSED_OVER):
            if not stopper.is_pruned(config):
                break
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
            asked = study.ask()
            config = self.experiment.propose(asked)
        return asked, config

    def _walk(self, trial: str, asked: optuna.Trial, config: TrialConfig, stopper: PrefixStopper) -> float | None:
        """The value of the trial's order; None where it is stopped."""
        (order,), rows, learnt = config.orders, [], []
        for length in range(1, len(order) + 1):
            prefix = order[:length]
            self.trained.add(prefix)
            rows.append(list(self.world.scores(prefix)))
            shares = [score / self.alone[task] for score, task in zip(rows[-1], prefix, strict=True)]
            learnt.append(100.0 * sum(shares) / length)
            asked.set_user_attr(SCORES, rows)
            if stopper.stops(trial, config, learnt, complete=length == len(order), scores=rows):
                return None
        return sum(rows[-1]) / len(order)


def experiment(tasks: Order, seed: int, sampler: str, rule: EarlyStop) -> Experiment:
    """A sweep over fewer orders than there are, so that proposals may be passed over."""
    count = math.factorial(len(tasks)) - 1
    options = Options.of(tasks=tasks, orders=(str(count),), seeds=(seed,), stop_early=rule, sampler=SAMPLERS[sampler])
    return Experiment(sweep=Sweep(name="order", question="", searches_orders=True), options=options)


def main() -> None:
    """Print the table: a line a sampler and rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--budget", type=int, default=500, help="steps")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--rules", nargs="+", default=list(EARLY_STOPS), choices=EARLY_STOPS)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(COLUMNS.format("sampler", "rule", "median", "95 %", "known"), flush=True)
    for sampler in given.samplers:
        for rule in given.rules:
            worlds = [synthetic(given.tasks, seed) for seed in range(given.seeds)]
            steps = tuple(
                Search(world, experiment(world.tasks, seed, sampler, rule), given.budget).run()
                for seed, world in enumerate(worlds)
            )
            row = Row(world=f"{given.tasks} tasks", noise=0.0, search=sampler, budget=given.budget, steps=steps)
            print(COLUMNS.format(sampler, rule, *row.columns()[3:]), flush=True)


if __name__ == "__main__":
    main()
