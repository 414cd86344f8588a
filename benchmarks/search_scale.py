"""Question: how long does a proposal take, and saving the search's state, after so many finished trials?

Command: python -m benchmarks.search_scale --trials 1000 10000 100000
Cost: 9 s of one core for the first two, ten times that for the third. Expect: in proportion to the trials.

The study is one of orders of eight tasks, its trials made up and finished, as Optuna holds it in memory; each search is
asked for one order. The state is what Ray Tune pickles with the searcher every few seconds. Seconds of CPU time.
"""

from __future__ import annotations

import argparse
import pickle
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from atlas.config.order_space import OrderSpace
from atlas.config.space import prefix_name
from atlas.search.gaussian_process_sampler import SCORES, GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler

TASKS = tuple("abcdefgh")
SEARCHES = ("random", "tpe", "prefix", "orders")
COLUMNS = "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}"


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds a proposal by each search, seconds and MiB of a saved state, after so many trials."""

    trials: int
    proposals: dict[str, float]
    saved: float
    size: float


def finished(count: int, *, told: bool) -> Iterator[optuna.trial.FrozenTrial]:
    """Finished trials of random orders; where `told`, with the scores after each task."""
    draw = random.Random(0)
    for _ in range(count):
        order = draw.sample(TASKS, len(TASKS))
        params: dict[str, str] = {}
        distributions: dict[str, BaseDistribution] = {}
        for place, task in enumerate(order[:-1]):
            name = prefix_name(order[:place])
            params[name] = task
            distributions[name] = CategoricalDistribution([one for one in TASKS if one not in order[:place]])
        rows = [[60.0 + draw.random() for _ in range(place + 1)] for place in range(len(order))]
        yield optuna.trial.create_trial(
            value=sum(rows[-1]) / len(order),
            params=params,
            distributions=distributions,
            user_attrs={SCORES: rows} if told else {},
        )


def sampler_of(name: str) -> BaseSampler:
    """The sampler of `--sampler NAME`."""
    samplers: dict[str, BaseSampler] = {
        "random": RandomSampler(seed=0),
        "tpe": TPESampler(seed=0),
        "prefix": PrefixSampler(TASKS, seed=0),
        "orders": GaussianProcessOrderSampler(TASKS, seed=0, noisy=False),
    }
    return samplers[name]


def measure(count: int, searches: tuple[str, ...] = SEARCHES) -> Costs:
    """The costs after so many trials: each proposal is the second one, which finds what the first has read."""
    study = optuna.create_study(direction="maximize")
    study.add_trials(list(finished(count, told=True)))
    space, proposals = OrderSpace(TASKS), {}
    for name in searches:
        study.sampler = sampler_of(name)
        study.tell(_asked(study, space), 60.0)
        began = time.process_time()
        study.tell(_asked(study, space), 60.0)
        proposals[name] = time.process_time() - began
    began = time.process_time()
    state = pickle.dumps(study)
    return Costs(trials=count, proposals=proposals, saved=time.process_time() - began, size=len(state) / 2**20)


def _asked(study: optuna.Study, space: OrderSpace) -> optuna.Trial:
    trial = study.ask()
    space.suggest(trial)
    return trial


def main() -> None:
    """Print a row for each number of trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(COLUMNS.format("trials", *(f"{name}, s" for name in SEARCHES), "saved, s", "MiB"), flush=True)
    for count in given.trials:
        found = measure(count, tuple(given.searches))
        times = (f"{found.proposals[name]:.3f}" if name in found.proposals else "–" for name in SEARCHES)
        print(COLUMNS.format(count, *times, f"{found.saved:.2f}", f"{found.size:.1f}"), flush=True)


if __name__ == "__main__":
    main()
