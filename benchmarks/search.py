"""Question: how many steps does each sampler train until an order within 1 % of the best is known?

Command: python benchmarks/search.py [--tasks 6] [--seeds 30] [--noise 0] [--trials 60]
Cost: a few minutes on one core for six tasks. Expect: the Gaussian process needs the fewest steps.

A step is a distinct prefix; trials share steps as the broker shares them. An order is known at the first trial from
which on, to the last, the search's recommendation is within 1 % of the range (best minus worst) of the best, in true
values without noise. A search recommends the order of the best mean that it tried; the Gaussian process that of the
best modelled mean of those tried. A seed is a landscape and a search; one that never knows counts as infinite. With
noise each trial draws its own, also for steps that are shared.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from atlas.config.space import Order, suggest_order
from atlas.search.gaussian_process_sampler import GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler
from atlas.simulation.landscape import SyntheticLandscape

Suggest = Callable[[optuna.Trial, Order], Order]
COLUMNS = "{:>24} {:>8} {:>15} {:>8}"


def lehmer_order(trial: optuna.Trial, tasks: Order) -> Order:
    """An order by its Lehmer digits: each the place of the next task among those left."""
    left = list(tasks)
    return tuple(left.pop(trial.suggest_int(f"digit {n}", 0, len(left) - 1)) for n in range(len(tasks)))


def keyed_order(trial: optuna.Trial, tasks: Order) -> Order:
    """An order by random keys: the tasks sorted by a number of each."""
    keys = {task: trial.suggest_float(f"key {task}", 0.0, 1.0) for task in tasks}
    return tuple(sorted(tasks, key=keys.__getitem__))


SEARCHES: dict[str, tuple[Callable[[Order, int], BaseSampler], Suggest]] = {
    "random": (lambda tasks, seed: RandomSampler(seed=seed), suggest_order),
    "TPE, Lehmer digits": (lambda tasks, seed: TPESampler(seed=seed), lehmer_order),
    "TPE, random keys": (lambda tasks, seed: TPESampler(seed=seed), keyed_order),
    "TPE, prefix tree": (lambda tasks, seed: PrefixSampler(tasks, seed=seed), suggest_order),
    "Gaussian process": (lambda tasks, seed: GaussianProcessOrderSampler(tasks, seed=seed), suggest_order),
}


def steps_until_known(name: str, tasks: Order, *, seed: int, noise: float, trials: int) -> float:
    """Steps until the recommendation stays within 1 % of the best; infinite where it does not by the last trial."""
    landscape = SyntheticLandscape(tasks=tasks, seed=seed)
    true = {order: landscape.final(order) for order in permutations(tasks)}
    least = max(true.values()) - 0.01 * (max(true.values()) - min(true.values()))
    make, suggest = SEARCHES[name]
    sampler, draw = make(tasks, seed), np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    values: defaultdict[Order, list[float]] = defaultdict(list)
    prefixes: set[Order] = set()
    known = math.inf
    for _ in range(trials):
        trial = study.ask()
        order = suggest(trial, tasks)
        values[order].append(true[order] + float(draw.normal(0.0, noise)))
        study.tell(trial, values[order][-1])
        prefixes |= {order[: place + 1] for place in range(len(order))}
        good = true[recommended(sampler, study, values)] >= least
        known = min(known, len(prefixes)) if good else math.inf
    return known


def recommended(sampler: BaseSampler, study: optuna.Study, values: dict[Order, list[float]]) -> Order:
    """The order that the search believes to be the best of those tried."""
    if isinstance(sampler, GaussianProcessOrderSampler) and (model := sampler.model(study)):
        return model.recommended
    return max(values, key=lambda order: float(np.mean(values[order])))


def interval(steps: Sequence[float], *, draws: int = 2000) -> tuple[float, float]:
    """The 95 % bootstrap interval of the median. Bounds may be infinite."""
    drawn = np.random.default_rng(0).choice(np.array(steps), (draws, len(steps)))
    medians = np.sort(np.sort(drawn, axis=1)[:, (len(steps) - 1) // 2])
    return float(medians[int(0.025 * draws)]), float(medians[int(0.975 * draws)])


def main() -> None:
    """Print a table: a row for each search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6, choices=range(4, 9))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation of a trial's value, in points")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tasks = tuple("abcdefgh"[: given.tasks])
    print(COLUMNS.format("search", "median", "95 %", "known"), flush=True)
    for name in SEARCHES:
        steps = [
            steps_until_known(name, tasks, seed=seed, noise=given.noise, trials=given.trials)
            for seed in range(given.seeds)
        ]
        low, high = interval(steps)
        median = sorted(steps)[(len(steps) - 1) // 2]
        known = sum(map(math.isfinite, steps))
        print(COLUMNS.format(name, f"{median:.0f}", f"{low:.0f} to {high:.0f}", f"{known}/{len(steps)}"), flush=True)


if __name__ == "__main__":
    main()
