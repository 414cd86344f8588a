"""The plan of a sweep, before anything is trained: its steps, how many are shared, and their estimated cost. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from atlas.report.summary import PlanFacts
from atlas.search.proposals import Proposals
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from atlas.storage.step_result import StepResult

STARTUP = 30.0  # seconds until the first step, on two cores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps and the cost of a sweep. `exact` is False where trials are proposed while the sweep runs.

    `foreseen` is the number of trials that the rest is counted, or estimated, from.
    trainings: stage trainings if nothing were shared; distinct: different steps; stored: those in the store already;
    work: the estimate for the rest in seconds of one fleet; seconds: in seconds from now, start-up included.
    """

    trials: int
    foreseen: int
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
    proposals: Proposals, references: Iterable[Walk], graph: WalkGraph, *, stored: Collection[str], pace: Pace
) -> Plan:
    """The plan for these trials and the auxiliary walks. `stored` are the keys that need no training.

    Where a part of the trials is foreseen, the others are taken to need as many steps as the latter half of these.
    """
    extra, seen = graph.distinct(references), len(proposals.trials)
    counts = _count(proposals.trials, extra, graph, stored, pace)
    if proposals.count > seen:
        half = _count(proposals.trials[: seen // 2], extra, graph, stored, pace)
        counts = counts.grown_since(half, factor=(proposals.count - seen) / (seen - seen // 2))
    return Plan(
        trials=proposals.count,
        foreseen=seen,
        trainings=round(counts.trainings),
        distinct=round(counts.distinct),
        stored=round(counts.distinct) - round(counts.missing),
        work=counts.work,
        seconds=pace.duration(counts.work),
        exact=proposals.exact,
    )


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """The fields of a plan that grow with the trials; numbers of steps, `work` in seconds of one fleet."""

    trainings: float
    distinct: float
    missing: float
    work: float

    def grown_since(self, earlier: _Counts, factor: float) -> _Counts:
        """These, grown by `factor` times their growth since those earlier ones."""
        grown = {name: value + factor * (value - getattr(earlier, name)) for name, value in vars(self).items()}
        return _Counts(**grown)


def _count(
    trials: Sequence[Sequence[Walk]], extra: Sequence[Step], graph: WalkGraph, stored: Collection[str], pace: Pace
) -> _Counts:
    """The counts for these trials and the `extra` steps, which are trained in any case."""
    distinct = {step.key: step for step in extra}
    trainings = len(distinct)
    for walk in chain.from_iterable(trials):
        for step in graph.every_step(walk):
            distinct[step.key] = step
            trainings += 1
    missing = [step for key, step in distinct.items() if key not in stored]
    return _Counts(trainings=trainings, distinct=len(distinct), missing=len(missing), work=sum(map(pace.one, missing)))


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
        return self.duration(sum(map(self.one, steps)))

    def duration(self, work: float) -> float:
        """The estimate for `work`, in seconds of one fleet; nothing for none."""
        return self.startup + work / self.at_once if work else 0.0

    def one(self, step: Step) -> float:
        """The estimate for one step, in seconds. Scoring a record costs a third of training on it."""
        trained = _trained_records(step, self.sizes) * self._load(step.learns)
        if step.stage.replays and len(step.order) > 1:
            trained += _trained_records(step, self.sizes) * self._load(step.order[:-1])
        return self.per_record * (trained + _scored(step) * self._load((*step.scored, *step.label_space)) / 3)

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
    count = len(step.scored) + len(step.label_space)
    return count * ((step.evaluation.val or 1000) + (step.evaluation.test or 1000))
