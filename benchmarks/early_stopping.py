"""Question: how many steps does early stopping save at equal regret, on synthetic landscapes?

Command: python -m benchmarks.early_stopping [--tasks 6] [--trials 100] [--seeds 10] [--noise 0]
Cost: a few minutes on one core. Expect: fewer steps a trial, and no fewer until an order as good is known.

For each seed a search without early stopping takes so many trials; the best order that it knows then is what the others
have to reach, in four times as many trials at most. Counted are the steps that each trained until it knew one as good.
Steps are distinct ones, so that a prefix counts once. Trials are taken one after another by the real course, stopper
and sampler, without broker and clock.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import optuna

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.search import EarlyStop
from atlas.config.sweep import Sweep
from atlas.search.early_stopping import PrefixStopper, make_stopper
from atlas.search.optuna_search import PASSED_OVER
from atlas.search.proposals import make_sampler
from atlas.search.trial_course import CourseSetup, advance, course
from atlas.search.trial_report import TrialReport
from atlas.simulation import Landscape, SyntheticLandscape
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step, StepInputs
from atlas.storage.step_result import StepResult

SAMPLERS = ("random", "tpe")
RULES: tuple[EarlyStop, ...] = ("none", "median", "asha")


@dataclass(frozen=True)
class Progress:
    """A finished trial: the steps trained by then, and the regret of the best order that is known, in points."""

    steps: int
    regret: float


@dataclass
class World:
    """A search over the orders of a landscape, with an early stopping rule."""

    experiment: Experiment
    landscape: SyntheticLandscape

    def __post_init__(self) -> None:
        self._inputs = StepInputs(backbone="x", data={task: task for task in self.landscape.tasks})
        self._trained: dict[str, StepResult] = {}

    def run(self, trials: int) -> Iterator[Progress]:
        """Take the trials one after another; gives the progress after each that finished."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=make_sampler(self.experiment))
        stopper, setup = make_stopper(self.experiment), self._setup()
        alone, best = len(self._trained), float("-inf")
        highest = max(map(self.landscape.final, permutations(self.landscape.tasks)))
        for number in range(trials):
            value = self._take(study, stopper, setup, number)
            if value is not None and value > best:
                best = value
            if value is not None:
                yield Progress(len(self._trained) - alone, highest - best)

    def _setup(self) -> CourseSetup:
        graph = WalkGraph(self._inputs)
        single = [graph.steps(walk)[-1][-1] for walk in self.experiment.references()["lone"]]
        for step in single:
            self._trained[step.key] = self.landscape.result(step)
        return CourseSetup(step_inputs=self._inputs, single_task=single, aim="mean", figures=False)

    def _take(self, study: optuna.Study, stopper: PrefixStopper, setup: CourseSetup, number: int) -> float | None:
        """The true value of the next trial's order; None where it was stopped."""
        asked = study.ask()
        config = self.experiment.propose(asked)
        for _ in range(PASSED_OVER):
            if not stopper.is_pruned(config):
                break
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
            asked = study.ask()
            config = self.experiment.propose(asked)
        steps = course(config.walks(), setup)
        said = advance(steps, None)
        while said is not None:
            if isinstance(said, TrialReport):
                if stopper.stops(str(number), config, said.learnt, complete=said.complete):
                    study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                    return None
                objective, said = said.objective, advance(steps, None)
            else:
                said = advance(steps, [self._result(step, self.landscape) for step in said.steps])
        study.tell(asked, objective)
        return self.landscape.final(config.orders[0])

    def _result(self, step: Step, landscape: Landscape) -> StepResult:
        if step.key not in self._trained:
            self._trained[step.key] = landscape.result(step)
        return self._trained[step.key]


def world(tasks: int, trials: int, seed: int, sampler: str, rule: EarlyStop, noise: float) -> World:
    """A search of so many of the landscape's orders."""
    names = tuple(f"t{number}" for number in range(tasks))
    sweep = Sweep(
        name="order",
        question="",
        searches_orders=True,
        sampler=(lambda options: optuna.samplers.RandomSampler(seed=seed)) if sampler == "random" else None,
    )
    options = Options.of(tasks=names, orders=(str(trials),), seeds=(seed,), stop_early=rule)
    landscape = SyntheticLandscape(tasks=names, seed=seed, noise=noise)
    return World(Experiment(sweep=sweep, options=options), landscape)


def steps_until(progress: Sequence[Progress], regret: float) -> int | None:
    """The steps by which an order of that regret was known; None where none was."""
    return next((one.steps for one in progress if one.regret <= regret + 1e-9), None)


def compare(given: argparse.Namespace, sampler: str) -> None:
    """Print a line a rule."""
    saved: dict[EarlyStop, list[float]] = {rule: [] for rule in RULES}
    missed: dict[EarlyStop, int] = dict.fromkeys(RULES, 0)
    same: dict[EarlyStop, list[float]] = {rule: [] for rule in RULES}
    regrets: dict[EarlyStop, list[float]] = {rule: [] for rule in RULES}
    for seed in range(given.seeds):
        base: Sequence[Progress] = ()
        for rule in RULES:
            made = world(given.tasks, given.trials, seed, sampler, rule, given.noise)
            found = list(made.run(given.trials if rule == "none" else 4 * given.trials))
            base = found if rule == "none" else base
            aim, first = base[-1].regret, steps_until(base, base[-1].regret)
            reached = steps_until(found, aim)
            missed[rule] += reached is None
            saved[rule].append(1 - (reached or found[-1].steps) / (first or 1))
            within = [one for one in found if one.steps <= base[-1].steps]
            regrets[rule].append(within[-1].regret if within else float("nan"))
            same[rule].append(found[-1].steps)
    for rule in RULES:
        print(
            f"{sampler:8} {rule:8} saved {statistics.median(saved[rule]):+6.0%}  never as good {missed[rule]:2} of "
            f"{given.seeds}  regret at the same steps {statistics.mean(regrets[rule]):.2f} points  steps in all "
            f"{statistics.median(same[rule]):.0f}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation of a score, in points")
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    given = parser.parse_args()
    for sampler in given.samplers:
        compare(given, sampler)


if __name__ == "__main__":
    main()
