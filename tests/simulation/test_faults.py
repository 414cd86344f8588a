"""Faults in any combination: fleets killed, resized, silent; brokers restarted, drivers killed; two sweeps at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.simulation import Faults, MemoryStore, SimulatedSweep, Simulation, Stop, SyntheticLandscape, run_virtually
from atlas.simulation.memory_store import MemoryStoreView

SECONDS = 100.0  # a step: longer than a lease without renewal
FLEETS = 2
LANDSCAPE = SyntheticLandscape(tasks=("a", "b", "c"), seed=2, seconds=SECONDS)
EXPERIMENT = Experiment(
    sweep=Sweep(name="order", question="", searches_orders=True),
    options=Options.of(tasks=("a", "b", "c"), orders=("all",)),
)
TIMES = st.floats(0.0, 2500.0)
FLEET = st.integers(0, FLEETS - 1)
ENOUGH = 4  # one loss fewer than gives a step up


def simulation(**changed: Any) -> Simulation:
    return Simulation(**{"experiment": EXPERIMENT, "landscape": LANDSCAPE, "fleets": FLEETS, **changed})


def objectives(swept: SimulatedSweep) -> dict[tuple[tuple[str, ...], ...], float | None]:
    return {trial.orders: trial.objective for trial in swept.trials}


QUIET = simulation().run()


def by_fleet(items: list[tuple[int, Any]]) -> dict[int, tuple[Any, ...]]:
    return {
        number: tuple(sorted((item for one, item in items if one == number), key=_time)) for number in range(FLEETS)
    }


def _time(item: Stop | tuple[float, float]) -> float:
    return item.at if isinstance(item, Stop) else item[0]


STOPS = st.lists(st.tuples(FLEET, st.builds(Stop, TIMES, st.sampled_from([1, 2]))), max_size=ENOUGH // 2)
SILENCES = st.lists(
    st.tuples(FLEET, st.tuples(TIMES, st.floats(1.0, 150.0)).map(lambda one: (one[0], one[0] + one[1]))),
    max_size=ENOUGH // 2,
)
RESTARTS = st.lists(TIMES, max_size=3).map(sorted)


AWAY = st.lists(st.tuples(TIMES, st.floats(1.0, 50.0)).map(lambda one: (one[0], one[0] + one[1])), max_size=2)


@given(stops=STOPS, silences=SILENCES, restarts=RESTARTS, away=AWAY)
@settings(max_examples=40, deadline=None)
def test_no_faults_change_a_result_and_a_step_is_trained_twice_only_where_its_fleet_was_thought_lost(
    stops: list[tuple[int, Stop]],
    silences: list[tuple[int, tuple[float, float]]],
    restarts: list[float],
    away: list[tuple[float, float]],
) -> None:
    faults = Faults(stops=by_fleet(stops), silences=by_fleet(silences), restarts=restarts, broker_silences=away)
    swept = simulation(faults=faults).run()
    assert objectives(swept) == objectives(QUIET)
    assert swept.status.count("failed", "running", "queued", "waiting", "elsewhere") == 0
    assert swept.trained_twice <= 3 * len(silences) + FLEETS * len(restarts)
    assert swept.in_vain <= SECONDS * len(stops)


@given(delay=st.floats(0.0, 1500.0), stops=STOPS, latency=st.floats(0.0, 2.0))
@settings(max_examples=15, deadline=None)
def test_two_sweeps_on_one_store_train_no_step_twice_whatever_happens_to_the_first_ones_fleets(
    delay: float, stops: list[tuple[int, Stop]], latency: float
) -> None:
    store = MemoryStore(latency=latency)
    first = simulation(store=store, owner="first", faults=Faults(stops=by_fleet(stops)))
    second = simulation(store=store, owner="second")

    async def later() -> SimulatedSweep:
        await asyncio.sleep(delay)
        return await second.simulate()

    async def both() -> tuple[SimulatedSweep, SimulatedSweep]:
        return await asyncio.gather(first.simulate(), later())

    for swept in run_virtually(both()):
        assert objectives(swept) == objectives(QUIET)
        assert swept.trained_twice == 0


@given(at=st.floats(1.0, QUIET.seconds - 1.0))
@settings(max_examples=15, deadline=None)
def test_a_killed_driver_loses_what_was_in_hand_and_the_next_one_trains_the_rest(at: float) -> None:
    store = MemoryStore()
    first = simulation(store=store, owner="killed")

    async def killed_then_again() -> SimulatedSweep:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first.simulate(), at)
        lapse = asyncio.ensure_future(MemoryStoreView(store, "killed").lapse())
        swept = await replace(first, owner="again").simulate()
        await lapse
        return swept

    swept = run_virtually(killed_then_again())
    assert objectives(swept) == objectives(QUIET)
    assert swept.trained_twice == 0
    assert swept.steps_trained == QUIET.steps_trained
