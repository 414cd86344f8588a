"""Budgets of simulated sweeps: kept within a step, over restarts of the broker and over resumed runs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.simulation import Faults, MemoryStore, Simulation, SyntheticLandscape
from atlas.sweep.spending import Spending

TASKS = ("a", "b", "c")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=1)
SWEEP = Sweep(name="order", question="", searches_orders=True)


def simulation(budget: str | None, **changed: Any) -> Simulation:
    experiment = Experiment(sweep=SWEEP, options=Options.of(tasks=TASKS, orders=("all",), budget=budget))
    return Simulation(**{"experiment": experiment, "landscape": LANDSCAPE, **changed})


@pytest.mark.parametrize("fleets", [1, 3])
@pytest.mark.parametrize("steps", [1, 5, 12])
def test_a_budget_of_steps_trains_as_many_and_ends_the_sweep(steps: int, fleets: int) -> None:
    swept = simulation(f"{steps}steps", fleets=fleets).run()
    assert swept.steps_trained == swept.spending.steps == steps
    assert len(swept.trials) < 6
    assert f"the budget of {steps}steps covers no further step" in swept.stopped
    assert not any(trial.error for trial in swept.trials)


def test_a_budget_that_is_not_used_up_changes_nothing() -> None:
    swept, free = simulation("1000steps").run(), simulation(None).run()
    assert swept.stopped == ""
    assert swept.spending.steps == swept.steps_trained == free.steps_trained
    assert {one.orders: one.objective for one in swept.trials} == {one.orders: one.objective for one in free.trials}


def test_a_broker_that_is_restarted_does_not_begin_the_budget_again() -> None:
    """After a look of the supervision, which counts what a broker has trained."""
    swept = simulation("9steps", faults=Faults(restarts=(33.0, 43.0, 63.0))).run()
    assert swept.steps_trained == swept.spending.steps == 9
    assert swept.stopped


def test_a_resumed_sweep_goes_on_with_what_a_higher_budget_leaves_and_trains_nothing_twice() -> None:
    store = MemoryStore()
    first = simulation("5steps", store=store).run()
    then = simulation("11steps", store=store, spent=first.spending).run()
    assert (then.steps_trained, then.spending.steps) == (11, 11)
    last = simulation(None, store=store, spent=then.spending).run()
    assert last.trained_twice == 0
    assert len(last.trials) == 6
    best = max(permutations(TASKS), key=LANDSCAPE.final)
    assert last.best.orders[0] == best


@pytest.mark.parametrize(("fleets", "gpus"), [(1, 1.0), (2, 4.0)])
def test_gpu_hours_are_those_of_training_and_not_overspent_by_a_step(fleets: int, gpus: float) -> None:
    slow = SyntheticLandscape(tasks=TASKS, seed=1, seconds=1800.0)
    swept = simulation(f"{3 * gpus:g}gpu-h", landscape=slow, fleets=fleets, gpus=gpus).run()
    hours = swept.spending.training / 3600
    assert 2.5 * gpus <= hours <= 3 * gpus + (fleets - 1) * 0.5 * gpus  # the cost of a step is known from the first on
    assert swept.stopped


def test_hours_end_the_sweep_before_a_step_that_would_last_longer() -> None:
    slow = SyntheticLandscape(tasks=TASKS, seed=1, seconds=600.0)
    swept = simulation("1h", landscape=slow).run()
    assert 3000.0 <= swept.seconds <= 3600.0
    assert swept.spending.seconds == pytest.approx(swept.seconds, abs=10.0)
    assert swept.stopped
    again = simulation("1h", landscape=slow, spent=Spending(seconds=3500.0)).run()
    assert again.seconds < 600.0 + 60.0


def test_steps_that_the_store_has_cost_nothing() -> None:
    store = MemoryStore()
    whole = simulation(None, store=store).run()
    again = simulation("1steps", store=store).run()
    assert again.stopped == ""
    assert again.spending.steps == 0
    assert {one.orders: one.objective for one in again.trials} == {one.orders: one.objective for one in whole.trials}
