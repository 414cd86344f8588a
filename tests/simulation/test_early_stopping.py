"""Early stopping in simulated sweeps: fewer steps, and no trial that was pruned is the best."""

from __future__ import annotations

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.simulation import SimulatedSweep, Simulation, SyntheticLandscape

TASKS = tuple("abcde")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=3)


def swept(rule: str, trials: int = 40, sampler: str = "") -> SimulatedSweep:
    sweep = Sweep(name="order", question="", searches_orders=True)
    options = Options.of(tasks=TASKS, orders=(str(trials),), stop_early=rule, sampler=sampler)
    return Simulation(experiment=Experiment(sweep=sweep, options=options), landscape=LANDSCAPE, at_once=4).run()


@pytest.mark.parametrize("rule", ["median", "asha"])
def test_trials_are_pruned_whose_steps_are_saved_and_the_best_is_not(rule: str) -> None:
    free, pruning = swept("none"), swept(rule)
    pruned = [trial for trial in pruning.trials if trial.pruned]
    assert len(pruning.trials) == len(free.trials) == 40
    assert 0 < len(pruned) < 40
    assert pruning.steps_trained < free.steps_trained
    assert not pruning.best.pruned
    assert pruning.best.objective == pytest.approx(LANDSCAPE.final(pruning.best.orders[0]))


def test_a_forecast_saves_two_fifths_of_the_steps_and_keeps_the_best() -> None:
    """Orders are drawn at random; those that were given up are passed over for others."""
    free, pruning = swept("none", sampler="random"), swept("forecast", sampler="random")
    assert pruning.steps_trained <= 0.6 * free.steps_trained
    assert pruning.best.objective >= free.best.objective


def test_all_orders_are_each_taken_or_pruned_once() -> None:
    whole = swept("median", trials=120)
    assert len({trial.orders for trial in whole.trials}) == len(whole.trials) == 120
    assert any(trial.pruned for trial in whole.trials)
