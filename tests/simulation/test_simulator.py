"""Simulated sweeps: the real broker, sampler and objective, with faults, in virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise, permutations
from typing import Any

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.runtime.errors import AtlasError, StepError
from atlas.simulation import Faults, MemoryStore, SimulatedSweep, Simulation, Stop, SyntheticLandscape, run_virtually
from atlas.steps.step import Step
from atlas.storage.step_result import StepResult

TASKS = ("a", "b", "c")
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=1)


def simulation(orders: str = "all", sweep: Sweep | None = None, **changed: Any) -> Simulation:
    sweep = sweep or Sweep(name="order", question="", searches_orders=True)
    experiment = Experiment(sweep=sweep, options=Options.of(tasks=TASKS, orders=(orders,)))
    return Simulation(**{"experiment": experiment, "landscape": LANDSCAPE, **changed})


def objectives(swept: SimulatedSweep) -> dict[tuple[tuple[str, ...], ...], float | None]:
    return {trial.orders: trial.objective for trial in swept.trials}


def test_every_order_has_the_value_that_the_landscape_gives_it_and_the_best_is_the_best() -> None:
    swept = simulation().run()
    found = {orders[0]: value for orders, value in objectives(swept).items()}
    assert found == pytest.approx({order: LANDSCAPE.final(order) for order in permutations(TASKS)})
    assert swept.best.orders[0] == max(permutations(TASKS), key=LANDSCAPE.final)


def test_each_step_is_trained_once_and_two_fleets_take_half_the_time_of_one() -> None:
    one, two = (simulation(fleets=fleets, startup=0.0).run() for fleets in (1, 2))
    assert one.trained_twice == two.trained_twice == 0
    assert one.steps_trained == two.steps_trained
    assert one.seconds == pytest.approx(one.steps_trained * LANDSCAPE.seconds, rel=0.02)
    assert one.seconds / two.seconds == pytest.approx(2, rel=0.1)


def test_killed_fleets_and_restarted_brokers_change_no_result_and_lose_no_more_than_what_was_in_hand() -> None:
    quiet = simulation().run()
    stops = {0: (Stop(35.0), Stop(61.0), Stop(97.0)), 1: (Stop(44.0),)}
    faults = Faults(stops=stops, restarts=(41.0, 42.0, 120.0))
    swept = simulation(faults=faults).run()
    assert objectives(swept) == objectives(quiet)
    assert swept.trained_twice == 0
    assert 0 < swept.in_vain <= 4 * LANDSCAPE.seconds
    assert swept.seconds > quiet.seconds


def test_two_sweeps_on_one_store_train_no_step_twice() -> None:
    store = MemoryStore()
    first, second = (simulation(store=store, owner=owner) for owner in ("first", "second"))

    async def both() -> list[SimulatedSweep]:
        return list(await asyncio.gather(first.simulate(), second.simulate()))

    one, two = run_virtually(both())
    assert objectives(one) == objectives(two)
    assert one.trained_twice == two.trained_twice == 0


def test_a_sweep_on_a_store_that_has_its_steps_trains_none() -> None:
    store = MemoryStore()
    first = simulation(store=store).run()
    again = simulation(store=store, owner="again").run()
    assert objectives(again) == objectives(first)
    assert again.steps_trained == first.steps_trained
    assert again.busy == 0.0


class WithoutOrdersThroughB(SyntheticLandscape):
    """A landscape in which b cannot be trained after a."""

    def result(self, step: Step) -> StepResult:
        if step.order[-2:] == ("a", "b"):
            raise AtlasError("the loss became NaN")
        return super().result(step)


def test_a_step_that_cannot_be_trained_fails_its_trials_and_no_others() -> None:
    swept = simulation(landscape=WithoutOrdersThroughB(tasks=TASKS, seed=1)).run()
    failed = {trial.orders[0] for trial in swept.trials if trial.error}
    assert failed == {order for order in permutations(TASKS) if ("a", "b") in pairwise(order)}
    assert all("the loss became NaN" in trial.error for trial in swept.trials if trial.error)


class WithoutCAlone(SyntheticLandscape):
    """A landscape in which c cannot be trained first."""

    def result(self, step: Step) -> StepResult:
        if step.order == ("c",):
            raise StepError("the loss became NaN")
        return super().result(step)


def test_a_reference_that_cannot_be_trained_fails_no_trial_that_does_without() -> None:
    """Every trial asks for each task alone; the first step of an order is that, too."""
    swept = simulation(landscape=WithoutCAlone(tasks=TASKS, seed=1)).run()
    assert {trial.orders[0][0] for trial in swept.trials if trial.error} == {"c"}
    found = {trial.orders[0]: trial.objective for trial in swept.trials if not trial.error}
    assert found == pytest.approx({order: LANDSCAPE.final(order) for order in permutations(TASKS) if order[0] != "c"})


def test_a_users_own_sampler_is_tried_in_seconds() -> None:
    sweep = Sweep(
        name="mine", question="", searches_orders=True, sampler=lambda options: optuna.samplers.RandomSampler(seed=0)
    )
    swept = simulation("40", sweep, fleets=8, at_once=16).run()
    assert len(swept.trials) == 6  # never more than there are orders
    assert all(trial.objective is not None for trial in swept.trials)


def test_hundreds_of_trials_of_seven_tasks_end() -> None:
    tasks = tuple("abcdefg")
    sweep = Sweep(
        name="random", question="", searches_orders=True, sampler=lambda options: optuna.samplers.RandomSampler(seed=0)
    )
    experiment = Experiment(sweep=sweep, options=Options.of(tasks=tasks, orders=("200",)))
    swept = Simulation(
        experiment=experiment, landscape=SyntheticLandscape(tasks=tasks, seconds=60.0), fleets=50, at_once=100
    ).run()
    assert len(swept.trials) == 200
    assert swept.trained_twice == 0
    assert swept.best.objective is not None


def test_fleets_that_are_all_lost_for_good_end_the_sweep_with_that_reason() -> None:
    swept = simulation(faults=Faults(stops={0: (Stop(45.0, workers=0),), 1: (Stop(70.0, workers=0),)})).run()
    assert len(swept.trials) == 6
    assert all("no fleet is left: sweep-fleet-0: lost for good; sweep-fleet-1" in one.error for one in swept.trials)
    assert swept.failure == ""
    assert swept.seconds < 100.0


def test_a_fleet_that_is_lost_for_good_leaves_its_steps_to_the_other() -> None:
    swept = simulation(faults=Faults(stops={0: (Stop(45.0, workers=0),)})).run()
    assert objectives(swept) == objectives(simulation().run())


def test_a_broker_that_answers_nobody_for_a_while_costs_time_and_no_result() -> None:
    quiet = simulation().run()
    swept = simulation(faults=Faults(broker_silences=((30.0, 330.0),))).run()
    assert objectives(swept) == objectives(quiet)
    assert swept.failure == ""
    assert swept.seconds > 300.0


def test_a_broker_that_answers_nobody_any_more_ends_the_sweep_after_half_an_hour() -> None:
    swept = simulation(faults=Faults(broker_silences=((30.0, 1e9),))).run()
    assert swept.failure == "the broker does not answer: no answer, for 30 min 00 s"
    assert swept.seconds == pytest.approx(30.0 + 1800.0, abs=10.0)
    assert swept.trials == []


def halving(options: Options) -> Any:
    from ray.tune.schedulers import ASHAScheduler

    return ASHAScheduler(
        time_attr="tasks_seen", metric="objective", mode="max", grace_period=1, reduction_factor=2, max_t=3
    )


def test_a_scheduler_stops_trials_which_train_no_more_steps_and_are_never_the_best() -> None:
    sweep = Sweep(name="order", question="", searches_orders=True, scheduler=halving)
    swept, whole = simulation(sweep=sweep, at_once=1).run(), simulation(at_once=1).run()
    pruned = [trial for trial in swept.trials if trial.pruned]
    assert len(swept.trials) == 6
    assert 0 < len(pruned) < 6
    assert swept.steps_trained < whole.steps_trained
    assert not swept.best.pruned
    finished = {trial.orders: trial.objective for trial in swept.trials if not trial.pruned}
    assert finished.items() <= objectives(whole).items()


def test_a_scheduler_that_pauses_trials_is_refused() -> None:
    from ray.tune.schedulers import HyperBandScheduler

    sweep = Sweep(
        name="order",
        question="",
        searches_orders=True,
        scheduler=lambda options: HyperBandScheduler(time_attr="tasks_seen", metric="objective", mode="max", max_t=3),
    )
    with pytest.raises(AtlasError, match="HyperBandScheduler (answers|needs Tune's controller)"):
        simulation(sweep=sweep).run()
