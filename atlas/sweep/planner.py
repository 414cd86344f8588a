"""The plan of a sweep, before anything is trained: the tree of steps, what is shared, what it will cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from atlas.learners import Learner
from atlas.step import Step, Surroundings, walk

STARTUP = 30.0  # seconds until the first step, on two cores


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One walk along one order, by one learner with one seed."""

    order: tuple[str, ...]
    learner: Learner
    seed: int

    def steps(self, around: Surroundings) -> list[list[Step]]:
        """For each task of the order the steps by which it is learnt."""
        return walk(self.order, self.learner, self.seed, around)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep is about to do. `exact` is False where the trials are drawn as the sweep goes on.

    trainings: stage trainings if nothing were shared; distinct: different steps; stored: those in the store already;
    work: the estimate for the rest in seconds of one fleet; seconds: in seconds from now, start-up included.
    """

    trials: int
    trainings: int
    distinct: int
    stored: int
    work: float
    seconds: float
    exact: bool

    def on(self, fleets: int) -> Plan:
        """The same plan, timed for so many fleets."""
        return replace(self, seconds=STARTUP + self.work / fleets if self.missing else 0.0)

    @property
    def missing(self) -> int:
        """How many steps have to be trained."""
        return self.distinct - self.stored

    def as_facts(self) -> dict[str, Any]:
        """The plan as `summary.json` holds it."""
        return {
            "trials": self.trials,
            "trainings_without_sharing": self.trainings,
            "distinct_steps": self.distinct,
            "in_store": self.stored,
            "estimated_seconds": self.seconds,
        }


def plan(
    trials: Sequence[Sequence[Walk]],
    references: Iterable[Walk],
    around: Surroundings,
    *,
    stored: set[str],
    pace: Pace,
    exact: bool,
) -> Plan:
    """The plan for these trials and the reference walks beside them. `stored` are the keys that need no training."""
    walks = [walk for trial in trials for walk in trial]
    steps = [step for walk in walks for stages in walk.steps(around) for step in stages]
    extra = [step for walk in references for stages in walk.steps(around) for step in stages]
    distinct = {step.key: step for step in steps + extra}
    missing = [step for key, step in distinct.items() if key not in stored]
    return Plan(
        trials=len(trials),
        trainings=len(steps) + len({step.key for step in extra}),
        distinct=len(distinct),
        stored=len(distinct) - len(missing),
        work=sum(map(pace.one, missing)),
        seconds=pace.seconds(missing),
        exact=exact,
    )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast steps go: seconds a record learnt and a record scored, and how many steps go at once.

    `sizes` are the records of each task's training split.
    """

    per_record: float
    at_once: int
    sizes: Mapping[str, int]
    startup: float = STARTUP

    def seconds(self, steps: Sequence[Step]) -> float:
        """The estimate for `steps`, in seconds, start-up included where there is anything to train."""
        if not steps:
            return 0.0
        return self.startup + sum(self.one(step) for step in steps) / self.at_once

    def one(self, step: Step) -> float:
        """The estimate for one step, in seconds. Scoring a record costs a third of learning one."""
        return self.per_record * (_learnt(step, self.sizes) + _scored(step) / 3)


def measured_pace(facts: Iterable[Mapping[str, Any]], fallback: float) -> float:
    """Seconds a record, from what earlier steps took: the median over their facts; `fallback` where there are none."""
    rates = sorted(
        fact["cost"]["learning"] / fact["records"] for fact in facts if fact["records"] and fact["cost"]["learning"]
    )
    return rates[len(rates) // 2] if rates else fallback


def _learnt(step: Step, sizes: Mapping[str, int]) -> int:
    most = max(sizes.get(task, 1000) for task in step.learns)
    return step.stage.schedule.updates(most) * step.stage.schedule.batch_size * len(step.learns)


def _scored(step: Step) -> int:
    tasks = len(step.order) if step.stage.last else 1
    return tasks * ((step.evaluation.val or 1000) + (step.evaluation.test or 1000))
