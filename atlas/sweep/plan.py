"""The plan of a sweep, before anything is trained: its steps, how many are shared, and their estimated cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from atlas.report.summary import PlanFacts
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk
from atlas.storage.step_result import StepResult

STARTUP = 30.0  # seconds until the first step, on two cores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps and the cost of a sweep. `exact` is False where trials are proposed while the sweep runs.

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
        """The number of steps to train."""
        return self.distinct - self.stored

    def as_facts(self) -> PlanFacts:
        """The plan as `summary.json` holds it."""
        return PlanFacts(
            trials=self.trials,
            trainings_without_sharing=self.trainings,
            distinct_steps=self.distinct,
            in_store=self.stored,
            estimated_seconds=self.seconds,
        )


def plan(
    trials: Sequence[Sequence[Walk]],
    references: Iterable[Walk],
    step_inputs: StepInputs,
    *,
    stored: set[str],
    pace: Pace,
    exact: bool,
) -> Plan:
    """The plan for these trials and the auxiliary walks. `stored` are the keys that need no training."""
    walks = [walk for trial in trials for walk in trial]
    steps = [step for walk in walks for step in walk.every_step(step_inputs)]
    extra = [step for walk in references for step in walk.every_step(step_inputs)]
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
    """The speed of training: seconds a record, and how many steps are trained at once.

    `sizes` are the records of each task's training split; `loads` the cost of a record of a task,
    relative to a single pass with the longest text (1 for tasks that are not named).
    """

    per_record: float
    at_once: int
    sizes: Mapping[str, int]
    loads: Mapping[str, float] = field(default_factory=dict)
    startup: float = STARTUP

    def seconds(self, steps: Sequence[Step]) -> float:
        """The estimate for `steps`, in seconds, start-up included where there is anything to train."""
        if not steps:
            return 0.0
        return self.startup + sum(self.one(step) for step in steps) / self.at_once

    def one(self, step: Step) -> float:
        """The estimate for one step, in seconds. Scoring a record costs a third of training on it."""
        trained = _trained_records(step, self.sizes) * self._load(step.learns)
        if step.stage.replays and len(step.order) > 1:
            trained += _trained_records(step, self.sizes) * self._load(step.order[:-1])
        return self.per_record * (trained + _scored(step) * self._load(step.scored) / 3)

    def _load(self, tasks: Iterable[str]) -> float:
        loads = [self.loads.get(task, 1.0) for task in tasks]
        return sum(loads) / len(loads) if loads else 0.0


def measured_pace(results: Iterable[StepResult], fallback: float, loads: Mapping[str, float] | None = None) -> float:
    """Seconds a record of load 1: the median over the results of earlier steps; `fallback` without any."""
    rates = sorted(
        result.cost.learning / result.records / (loads or {}).get(result.step["task"] if result.step else "", 1.0)
        for result in results
        if result.records and result.cost.learning
    )
    return rates[len(rates) // 2] if rates else fallback


def _trained_records(step: Step, sizes: Mapping[str, int]) -> int:
    size = max(sizes.get(task, 1000) for task in step.learns)
    if step.shots is not None and step.shots.count is not None and not step.shots.per_class:
        size = min(size, step.shots.count)
    return step.stage.schedule.updates(size) * step.stage.schedule.batch_size * len(step.learns)


def _scored(step: Step) -> int:
    return len(step.scored) * ((step.evaluation.val or 1000) + (step.evaluation.test or 1000))
