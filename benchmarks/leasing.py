"""Question: how much sooner does a sweep end, and how much later its trials, where few steps are leased by what waits?

Command: python -m benchmarks.leasing [--fleets 2 4 8] [--seeds 10]
Cost: a minute of one core. Expect: a sweep of a few walks on more fleets gains most, one of all orders next to nothing.

Simulated sweeps over four tasks, by the real broker, whose steps differ in length by task (log-normal, drawn by seed).
The same sweep with a budget that it never reaches leases the oldest step first, which it is compared with. Columns:
the share of time that fleets are in steps, before and with it; the time of the sweep, and the mean time until a trial
has ended, in shares of those before.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.simulation import SimulatedSweep, Simulation, SyntheticLandscape
from atlas.steps.step import Step
from atlas.storage.step_result import StepCost, StepResult

TASKS = ("a", "b", "c", "d")
ORDERS = {
    "all orders": ("all",),
    "each task first": ("a,b,c,d", "b,c,d,a", "c,d,a,b", "d,a,b,c"),
    "three orders": ("a,b,c,d", "b,a,d,c", "c,a,b,d"),
    "six, one by one": (),  # as the sampler proposes them
}
NEVER = "1000000000steps"
SPREAD = 0.5  # of the logarithm of a task's seconds
COLUMNS = "{:>16} {:>7} {:>6} {:>12} {:>12} {:>12} {:>12}"


@dataclass(frozen=True, kw_only=True)
class Uneven(SyntheticLandscape):
    """A landscape in which one task's steps take longer than another's, `seconds` in the median."""

    def result(self, step: Step) -> StepResult:
        """As of the landscape beneath."""
        drawn = random.Random(f"{self.seed} {step.task} {step.stage.kind}").lognormvariate(0.0, SPREAD)
        cost = StepCost(seconds=self.seconds * drawn, learning=self.seconds * drawn)
        return super().result(step).model_copy(update={"cost": cost})


@dataclass(frozen=True)
class Row:
    """A sweep with the oldest step leased first, and the same as it is."""

    before: SimulatedSweep
    now: SimulatedSweep

    @property
    def figures(self) -> Sequence[float]:
        """Busy before and now; the time of the sweep, and until a trial has ended, by those before."""
        ends = [mean(trial.ended for trial in swept.trials) for swept in (self.before, self.now)]
        return self.before.busy, self.now.busy, self.now.seconds / self.before.seconds, ends[1] / ends[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleets", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    print(COLUMNS.format("orders", "fleets", "steps", "busy before", "busy", "time", "trials end"))
    for name, orders in ORDERS.items():
        for fleets in given.fleets:
            found = list(rows(orders, fleets, given.seeds))
            figures = [f"{mean(column):.3f}" for column in zip(*(row.figures for row in found), strict=True)]
            print(COLUMNS.format(name, fleets, found[0].now.steps_trained, *figures), flush=True)


def rows(orders: Sequence[str], fleets: int, seeds: int) -> Iterator[Row]:
    """The sweeps of each seed. All find the same in both ways."""
    for seed in range(seeds):
        row = Row(*(swept(orders, fleets, seed, budget) for budget in (NEVER, None)))
        assert objectives(row.before) == objectives(row.now)
        yield row


def swept(orders: Sequence[str], fleets: int, seed: int, budget: str | None) -> SimulatedSweep:
    """A simulated sweep."""
    sweep = Sweep(name="order", question="", searches_orders=True, trials=6)
    experiment = Experiment(sweep=sweep, options=Options.of(tasks=TASKS, orders=tuple(orders), budget=budget))
    landscape = Uneven(tasks=TASKS, seed=seed)
    at_once = max(4, 2 * fleets)
    return Simulation(experiment=experiment, landscape=landscape, fleets=fleets, startup=0.0, at_once=at_once).run()


def objectives(sweep: SimulatedSweep) -> dict[object, float | None]:
    """The objective of each trial, by its orders."""
    return {trial.orders: trial.objective for trial in sweep.trials}


if __name__ == "__main__":
    main()
