"""Simulated sweeps of the orders of some of the tasks."""

from __future__ import annotations

from itertools import permutations

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.space import Order
from atlas.config.sweep import Sweep
from atlas.simulation import SimulatedSweep, Simulation, SyntheticLandscape

TASKS, SIZE, SEEDS = tuple("abcdef"), 3, (0, 1, 2)


def landscape(seed: int) -> SyntheticLandscape:
    return SyntheticLandscape(tasks=TASKS, seed=seed)


def relative(seed: int, order: Order) -> float:
    """The true value of an order: the mean score in percent of each task alone."""
    scores = zip(landscape(seed).scores(order), order, strict=True)
    return sum(100 * score / landscape(seed).scores((task,))[0] for score, task in scores) / len(order)


def swept(seed: int, sampler: str, **options: object) -> SimulatedSweep:
    given = {"tasks": TASKS, "subset_size": SIZE, "trials": 40, "sampler": sampler, "seeds": (seed,), **options}
    experiment = Experiment(sweep=Sweep(name="s", question="", searches_orders=True), options=Options.of(**given))
    return Simulation(experiment=experiment, landscape=landscape(seed), fleets=1, at_once=1).run()


def steps_to_the_best(seed: int, sampler: str) -> float:
    """The steps trained when an order within 1 % of the best was tried; infinite where none was."""
    true = {order: relative(seed, order) for order in permutations(TASKS, SIZE)}
    least = max(true.values()) - 0.01 * (max(true.values()) - min(true.values()))
    ended = swept(seed, sampler).trials
    return min((one.steps_trained for one in ended if true[one.orders[0]] >= least), default=float("inf"))


def test_the_sampler_of_orders_finds_the_best_subset_with_fewer_steps_than_random() -> None:
    ours, drawn = ([steps_to_the_best(seed, name) for seed in SEEDS] for name in ("orders", "random"))
    assert max(ours) < float("inf")
    assert sorted(ours)[1] < sorted(drawn)[1]


def test_the_objective_is_relative_to_each_task_alone_and_steps_are_shared() -> None:
    whole = swept(3, "prefix", trials=12)
    for trial in whole.trials:
        assert trial.objective == pytest.approx(relative(3, trial.orders[0]))
        assert len(trial.orders[0]) == SIZE
    assert len({trial.orders for trial in whole.trials}) == 12
    assert whole.trained_twice == 0


def test_a_prefix_of_a_subset_is_stopped_early() -> None:
    whole = swept(0, "orders", stop_early="median", trials=30)
    assert any(trial.pruned for trial in whole.trials)
    assert not whole.best.pruned
