"""Simulated sweeps whose trials take seeds as needed."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.simulation import SimulatedSweep, Simulation, SyntheticLandscape

TASKS = tuple("abcd")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=3, noise=1.5)
SEEDS = (0, 1, 2, 3)


def swept(trials: int, **options: object) -> SimulatedSweep:
    sweep = Sweep(name="order", question="", searches_orders=True)
    given = Options.of(**{"tasks": TASKS, "seeds": SEEDS, "trials": trials, "seeds_as_needed": True, **options})
    return Simulation(experiment=Experiment(sweep=sweep, options=given), landscape=LANDSCAPE, at_once=2).run()


def test_promising_orders_are_tried_with_further_seeds_and_others_are_not() -> None:
    whole = swept(30)
    walks = [(trial.orders[0], trial.seeds) for trial in whole.trials]
    assert len(set(walks)) == len(walks) == 30
    tries = Counter(order for order, _ in walks)
    for order, count in tries.items():
        assert {seeds for one, seeds in walks if one == order} == {(seed,) for seed in SEEDS[:count]}
    true = {order: LANDSCAPE.final(order) for order in permutations(TASKS)}
    again = [true[order] for order, count in tries.items() if count == len(SEEDS)]
    once = [true[order] for order, count in tries.items() if count == 1]
    assert len(again) < len(once)
    assert min(again) > sum(once) / len(once)
    best = max(true, key=lambda order: true[order])
    assert tries[best] > 1


def test_every_order_is_walked_with_every_seed_where_there_are_trials_for_all() -> None:
    whole = swept(12, tasks=TASKS[:3], seeds=(7, 9))
    assert len({(trial.orders, trial.seeds) for trial in whole.trials}) == 12
    assert {trial.seeds for trial in whole.trials} == {(7,), (9,)}


def test_a_forecast_gives_orders_up_for_all_seeds() -> None:
    whole = swept(24, stop_early="forecast", sampler="orders")
    given_up = {trial.orders for trial in whole.trials if trial.pruned}
    assert given_up
    assert all(sum(trial.orders == orders and trial.pruned for trial in whole.trials) == 1 for orders in given_up)
    assert not whole.best.pruned
