"""Question: how long does a proposal take after so many finished trials, and a whole simulated sweep of so many?

Command: python -m benchmarks.search_scale --trials 1000 10000 100000
         python -m benchmarks.search_scale --trials --sweeps 1000 10000 100000 --sampler random
Cost: two minutes of one core; 9 ms a trial of a sweep, and 10 GiB of memory for 100,000. Expect: proposals whose time
does not grow with the trials, and sweeps whose time is in proportion to them.

Proposals: the study is one of orders of eight tasks, its trials made up and finished, as Optuna holds it in memory;
each search has read it, and is asked for one order more. Sweeps: orders of ten tasks, two stages a task, by the real
planner, search and broker on 1,000 fleets in virtual time, as many trials at once; nothing is trained. Each sweep runs
in a process of its own. Seconds of CPU time.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import random
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.order_space import OrderSpace
from atlas.config.space import prefix_name
from atlas.config.sweep import Sweep
from atlas.search.gaussian_process_sampler import SCORES, GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler
from atlas.search.recent_trials import RecentTPESampler
from atlas.simulation.landscape import SyntheticLandscape
from atlas.simulation.simulator import Simulation

TASKS = tuple("abcdefgh")
SWEPT = tuple("abcdefghij")
FLEETS = 1000
SEARCHES = ("random", "tpe", "prefix", "orders")
COLUMNS = "{:>8} {:>10} {:>10} {:>10} {:>10}"
SWEEP_COLUMNS = "{:>8} {:>8} {:>10} {:>9} {:>9} {:>6} {:>10}"
STEP_SECONDS = 2.0  # virtual: a step is renewed once
GARBAGE = (200_000, 20, 50)  # thresholds of the collector, which else looks at millions of live objects again and again


@dataclass(frozen=True, kw_only=True)
class Swept:
    """A simulated sweep: its steps, seconds of CPU time, share of the time that fleets trained, peak memory in MiB."""

    trials: int
    steps: int
    seconds: float
    busy: float
    peak: float


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
        "tpe": RecentTPESampler(seed=0),
        "prefix": PrefixSampler(TASKS, seed=0),
        "orders": GaussianProcessOrderSampler(TASKS, seed=0, noisy=False),
    }
    return samplers[name]


def seconds_of_proposals(count: int, searches: tuple[str, ...] = SEARCHES) -> dict[str, float]:
    """Seconds of one more proposal by each search after so many trials: the second, as the first has read them."""
    study = optuna.create_study(direction="maximize")
    study.add_trials(list(finished(count, told=True)))
    space, found = OrderSpace(TASKS), {}
    for name in searches:
        study.sampler = sampler_of(name)
        study.tell(_asked(study, space), 60.0)
        began = time.process_time()
        study.tell(_asked(study, space), 60.0)
        found[name] = time.process_time() - began
    return found


def sweep(trials: int, sampler: str = "random", fleets: int = FLEETS) -> Swept:
    """Simulate a sweep of so many orders."""
    gc.set_threshold(*GARBAGE)
    options = Options.of(tasks=SWEPT, orders=(str(trials),), sampler=sampler)
    experiment = Experiment(sweep=Sweep(name="scale", question="?", searches_orders=True), options=options)
    landscape = SyntheticLandscape(tasks=SWEPT, seed=1, seconds=STEP_SECONDS)
    began = time.process_time()
    found = Simulation(experiment=experiment, landscape=landscape, fleets=fleets, at_once=fleets).run()
    return Swept(
        trials=len(found.trials),
        steps=found.steps_trained,
        seconds=time.process_time() - began,
        busy=found.busy,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _asked(study: optuna.Study, space: OrderSpace) -> optuna.Trial:
    trial = study.ask()
    space.suggest(trial)
    return trial


def report_proposals(counts: list[int], searches: tuple[str, ...]) -> None:
    """Print a row for each number of trials."""
    print(COLUMNS.format("trials", *(f"{name}, s" for name in SEARCHES)), flush=True)
    for count in counts:
        found = seconds_of_proposals(count, searches)
        times = (f"{found[name]:.3f}" if name in found else "–" for name in SEARCHES)
        print(COLUMNS.format(count, *times), flush=True)


def report_sweeps(counts: list[int], sampler: str) -> None:
    """Print a row for each simulated sweep."""
    print(SWEEP_COLUMNS.format("trials", "by", "steps", "CPU s", "ms/trial", "busy", "peak MiB"), flush=True)
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            one = process.submit(sweep, count, sampler).result()
        row = (one.trials, sampler, one.steps, f"{one.seconds:.0f}", f"{1e3 * one.seconds / one.trials:.1f}")
        print(SWEEP_COLUMNS.format(*row, f"{one.busy:.2f}", f"{one.peak:.0f}"), flush=True)


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="*", default=[1000, 10_000, 100_000], help="of proposals")
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--sweeps", type=int, nargs="*", default=[], help="trials of simulated sweeps")
    parser.add_argument("--sampler", default="random", choices=SEARCHES, help="of the sweeps")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if given.trials:
        report_proposals(given.trials, tuple(given.searches))
    if given.sweeps:
        report_sweeps(given.sweeps, given.sampler)


if __name__ == "__main__":
    main()
