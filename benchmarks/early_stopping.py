"""Question: how many steps does early stopping save, until an order within 1 % of the best is known?

Command: python -m benchmarks.early_stopping [--tasks 6] [--seeds 15] [--samplers random tpe orders]
         python -m benchmarks.early_stopping --samplers random --rules forecast --deviations 1 2
Cost: two minutes of one core a sampler. Expect: the forecast saves most where orders are drawn at random, and nothing
beside the sampler of orders, which proposes by the same model and now and then loses a good order by it.

Landscapes are synthetic, one a seed, without noise. A step is a distinct prefix, so that a prefix counts once. Trials
are taken one after another by the real stopper and sampler, without broker and clock, until `--budget` steps or as many
trials as there are orders. `lost` counts the searches that stopped, or passed over, an order within 1 % of the best.
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
from atlas.search.forecast import DEVIATIONS
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.optuna_search import PASSED_OVER
from atlas.search.proposals import make_sampler
from benchmarks.search import Row
from benchmarks.worlds import Synthetic, synthetic

SAMPLERS = {"random": "random", "tpe": "", "orders": "orders"}  # values of --sampler
COLUMNS = "{:>10} {:>12} {:>8} {:>15} {:>8} {:>6}"


@dataclass
class Search:
    """A search over the orders of a landscape, with an early stopping rule; `lost`: it stopped an order that is good.

    `deviations`: of the forecast, that an order's upper bound is above its mean.
    """

    world: Synthetic
    experiment: Experiment
    budget: int
    deviations: float = DEVIATIONS
    lost: bool = False

    def __post_init__(self) -> None:
        worst, best = self.world.extremes
        self.least = best - 0.01 * (best - worst)
        self.alone = {task: self.world.scores((task,))[0] for task in self.world.tasks}
        self.trained: set[Order] = set()

    def run(self) -> float:
        """The steps until an order is known; infinite where none is by the end of the budget."""
        study = optuna.create_study(direction="maximize", sampler=make_sampler(self.experiment))
        stopper = make_stopper(self.experiment)
        if stopper.forecast is not None:
            stopper.forecast.deviations = self.deviations
        for number in range(self.experiment.trial_count()):
            if len(self.trained) >= self.budget:
                break
            asked, config = self._asked(study, stopper)
            value = self._walk(str(number), asked, config, stopper)
            if value is None:
                self._prune(study, asked, config)
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
            self._prune(study, asked, config)
            asked = study.ask()
            config = self.experiment.propose(asked)
        return asked, config

    def _prune(self, study: optuna.Study, asked: optuna.Trial, config: TrialConfig) -> None:
        self.lost |= self.world.value(config.orders[0]) >= self.least
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)

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


def compared(given: argparse.Namespace, sampler: str, rule: EarlyStop, deviations: float) -> tuple[Row, int]:
    """The steps that each seed's search needed, and how many of the searches lost a good order."""
    worlds = [synthetic(given.tasks, seed) for seed in range(given.seeds)]
    searches = [
        Search(world, experiment(world.tasks, seed, sampler, rule), given.budget, deviations)
        for seed, world in enumerate(worlds)
    ]
    steps = tuple(search.run() for search in searches)
    row = Row(world=f"{given.tasks} tasks", noise=0.0, search=sampler, budget=given.budget, steps=steps)
    return row, sum(search.lost for search in searches)


def main() -> None:
    """Print the table: a line a sampler and rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--budget", type=int, default=500, help="steps")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--rules", nargs="+", default=list(EARLY_STOPS), choices=EARLY_STOPS)
    parser.add_argument("--deviations", type=float, nargs="+", default=[DEVIATIONS], help="of the forecast's bound")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(COLUMNS.format("sampler", "rule", "median", "95 %", "known", "lost"), flush=True)
    for sampler in given.samplers:
        for rule in given.rules:
            for deviations in given.deviations if rule == "forecast" else (DEVIATIONS,):
                row, lost = compared(given, sampler, rule, deviations)
                named = rule if deviations == DEVIATIONS else f"{rule}, {deviations:g} sd"
                print(COLUMNS.format(sampler, named, *row.columns()[3:], lost), flush=True)


if __name__ == "__main__":
    main()
