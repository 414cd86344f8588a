"""The summary of a sweep that has ended, from the trials' walks and the results in the store."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from atlas.config.options import Options
from atlas.metrics import MetricValue
from atlas.report import order_statistics, trial_metrics
from atlas.report.best_trial import best_trial
from atlas.report.summary import (
    BACKBONE_DIGEST,
    BARE,
    SPLITS,
    BestTrial,
    ProbeScore,
    References,
    SeedScores,
    SharingLedger,
    SplitScore,
    Summary,
    SweepFacts,
    TrialRow,
)
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE, WalkResult
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from atlas.sweep.cost import walk_cost
from atlas.sweep.held_out import held_out_scores
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.joint_scores import joint_scores
from atlas.sweep.plan import Plan
from atlas.sweep.provenance import provenance_of, versions
from atlas.sweep.sharing_ledger import StepUse, sharing_ledger
from atlas.sweep.step_reader import StepReader
from atlas.sweep.task_facts import task_facts
from atlas.sweep.timeline import timeline
from atlas.sweep.trial_rows import row_id, trial_rows

OPTIONAL = (
    "joint",
    "downstream",
    "downstream_tasks",
    "read_tasks",
    "unreadable",
    "timeline",
)  # absent from the file without any


@dataclass(frozen=True, kw_only=True)
class FinishedSweep:
    """A sweep that has ended: its options, its inputs and the results of its trials.

    `run`: the id that its own steps bear as the run that trained them; `earlier`: the ids of its runs that were
    interrupted. `foreseen`: the walks of trials that were known before. `fleets`: the fleet that trained a step, by its
    key. `file`: the Python file of the sweep, as it was called. `held_out`: walks of the best setting along orders that
    no trial took (None: the sweep holds none out). `reader` notes the steps that cannot be read. `failures`: why steps
    that trials share have failed for good, by their keys.
    """

    sweep: SweepFacts
    options: Options
    inputs: SweepInputs
    plan: Plan
    trials: Sequence[TrialRecord]
    references: Mapping[str, Sequence[Walk]]
    run: str
    earlier: frozenset[str] = frozenset()
    bare: Sequence[Walk] = ()
    foreseen: Sequence[Walk] = ()
    fleets: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    goal: str = AVERAGE
    file: str = ""
    held_out: Sequence[Walk] | None = None
    reader: StepReader = field(init=False, default_factory=StepReader)

    def store_of(self, record: TrialRecord) -> Store:
        """The store as the trial saw it."""
        return replace(self.inputs.store, scope=record.scope(self.options.run.sharing))

    def outcomes(self, record: TrialRecord) -> list[WalkResult]:
        """The trial's walks, with the facts of all the steps that it took."""
        store, taken = self.store_of(record), _taken_keys(record)
        return [self._outcome(walk, store, taken) for walk in record.walks]

    def _outcome(self, walk: Walk, store: Store, taken: set[str] | None = None) -> WalkResult:
        """The walk with what the store knows of its steps, or of those `taken`."""
        outcome = WalkResult(walk=walk, graph=self.inputs.graph)
        for step in outcome.every_step():
            if taken is not None and step.key not in taken:
                continue
            if (result := self.reader.result(step, store)) is not None:
                outcome.add(step, result)
            elif taken is not None:
                self.reader.note(step, "the store no longer has it")
        return outcome

    def walked(self, walk: Walk) -> WalkResult:
        """A walk that no trial took, with what the store knows of its steps."""
        return self._outcome(walk, self.inputs.store)

    def bare_outcomes(self) -> list[WalkResult]:
        """The probes of the bare backbone, one outcome a seed."""
        return [self.walked(walk) for walk in self.bare]

    def reference_steps(self) -> Iterator[tuple[str, int, Step]]:
        """Name, seed and step of each reference."""
        for name, walks in self.references.items():
            for walk in walks:
                yield name, walk.seed, self.inputs.graph.steps(walk)[-1][-1]

    def ahead_of_trials(self, known: Collection[str]) -> dict[str, Step]:
        """The steps, beside those `known`, that this sweep trained before a trial came to them; by their keys.

        There are none where it ran to its end, or shares nothing.
        """
        if self.sweep.status == "FINISHED" or not self.options.run.sharing:
            return {}
        steps = {step.key: step for step in self.inputs.graph.distinct(self.foreseen) if step.key not in known}
        store, stored = self.inputs.store, self.inputs.store.has(steps)
        self.reader.read_ahead((steps[key], store) for key in stored)
        results = {key: self.reader.result(steps[key], store) for key in stored}
        own = {self.run, *self.earlier}
        return {key: steps[key] for key, result in results.items() if result is not None and result.run in own}

    def auxiliary(self) -> Iterator[Step]:
        """The steps that no trial takes: references, and probes of the bare backbone."""
        yield from (step for _, _, step in self.reference_steps())
        yield from (step for walk in self.bare for step in self.inputs.graph.every_step(walk))

    def read_ahead(self) -> None:
        """Read from the store what the summary needs of it, several steps at a time, each once."""
        graph, store = self.inputs.graph, self.inputs.store
        taken = [
            (step, self.store_of(record))
            for record, keys in ((record, _taken_keys(record)) for record in self.trials)
            for step in graph.distinct(record.walks)
            if step.key in keys
        ]
        beside = [past for step in self.auxiliary() for past in step.chain()]
        self.reader.read_ahead([*taken, *((step, store) for step in (*beside, *graph.distinct(self.held_out or ())))])
        self.reader.count_ahead((step, seen_in) for step, seen_in in taken if step.stage.last)


def _taken_keys(record: TrialRecord) -> set[str]:
    return {key for walk in record.steps for key in walk}


def summarise(ended: FinishedSweep) -> Summary:
    """The summary of a sweep that has ended. A step that cannot be read loses its own scores and cost, no more."""
    ended.read_ahead()
    outcomes = {record.id: ended.outcomes(record) for record in ended.trials}
    walked = [outcome for found in outcomes.values() for outcome in found]
    search = ended.options.search
    ledger, results = _ledger(ended, outcomes)
    scores = Summary(
        sweep=ended.sweep.model_copy(update={"goal": ended.goal}),
        settings=_settings(ended),
        versions=versions(),
        origin=provenance_of(ended.file, _learners(ended)),
        seeds=search.seeds,
        plan=ended.plan.as_facts(),
        tasks={name: task_facts(name, ended.inputs) for name in search.tasks},
        trials=tuple(row for record in ended.trials for row in _rows(ended, record, outcomes[record.id])),
        references=_references(ended),
        reference_keys=tuple(sorted({past.key for step in ended.auxiliary() for past in step.chain()})),
        orders=(),
        ledger=ledger,
        timeline=timeline(results, ended.fleets, runs={ended.run, *ended.earlier}),
        best=None,
        joint=joint_scores(walked),
        downstream=_downstream(ended, outcomes) if search.downstream else (),
        downstream_tasks={name: task_facts(name, ended.inputs) for name in search.downstream},
        read_tasks={name: task_facts(name, ended.inputs) for name in (search.reference,) if name},
    )
    rows = zip(scores.trials, walked, strict=True)
    measured = tuple(row.model_copy(update={"metrics": _metrics(scores, row, outcome)}) for row, outcome in rows)
    scores = scores.model_copy(update={"unreadable": dict(ended.reader.unreadable)})
    absent = (name for name in OPTIONAL if not getattr(scores, name))
    summary = scores.without(*absent).model_copy(update={"trials": measured})
    if ended.held_out is not None:
        walked = [ended.walked(walk) for walk in ended.held_out]
        alone = summary.references.single_task if search.subset_size else None
        summary = summary.model_copy(update={"held_out": held_out_scores(ended.trials, outcomes, walked, alone)})
    return summary.model_copy(
        update={"orders": order_statistics(summary), "best": _with_learner(ended, best_trial(summary, ended.goal))}
    )


def _settings(ended: FinishedSweep) -> dict[str, JsonValue]:
    """The options that all trials share, as plain JSON values, and the backbone's digest."""
    settings: dict[str, JsonValue] = json.loads(json.dumps(ended.options.flat()))
    return {**settings, BACKBONE_DIGEST: ended.inputs.step_inputs.backbone}


def _metrics(summary: Summary, row: TrialRow, outcome: WalkResult) -> dict[str, MetricValue]:
    """Every metric of a walk by `<split>/<route>/<name>`, and how fast its tasks were trained."""
    metrics: dict[str, MetricValue] = {}
    for split in SPLITS:
        metrics |= {f"{split}/{name}": value for name, value in trial_metrics(summary, row, split).values.items()}
    return metrics | outcome.learning_speeds


def _learners(ended: FinishedSweep) -> set[str]:
    """The names of the learners that trials walked with."""
    return {walk.learner.name for record in ended.trials for walk in record.walks}


def _rows(ended: FinishedSweep, record: TrialRecord, outcomes: Sequence[WalkResult]) -> list[TrialRow]:
    store = ended.store_of(record)
    return trial_rows(record, outcomes, lambda outcome: walk_cost(outcome, ended.inputs, store, ended.reader))


def _downstream(ended: FinishedSweep, outcomes: Mapping[str, Sequence[WalkResult]]) -> tuple[ProbeScore, ...]:
    named = [(BARE, outcome) for outcome in ended.bare_outcomes()]
    for record in ended.trials:
        found = outcomes[record.id]
        named += [(row_id(record, number, len(found)), outcome) for number, outcome in enumerate(found)]
    return tuple(
        ProbeScore(
            trial=trial,
            order=outcome.walk.order,
            seed=outcome.walk.seed,
            task=probe.task,
            way=probe.way,
            shots=probe.shots.describe() if probe.shots else "all records",
            val=outcome.probe_scores("val")[probe],
            test=outcome.probe_scores("test")[probe],
        )
        for trial, outcome in named
        for probe in outcome.probe_scores("test")
    )


def _references(ended: FinishedSweep) -> References:
    found: dict[str, SeedScores] = {name: {} for name in ended.references}
    for name, seed, step in ended.reference_steps():
        result = ended.reader.result(step, ended.inputs.store)
        if result is None:
            if step.key in ended.failures:
                reason = ended.failures[step.key].removeprefix(f"{step.title}: ")
                ended.reader.note(step, f"it was not trained: {reason}")
            continue
        own = result.scores.own
        if step.task not in own.val.keys() & own.test.keys():
            ended.reader.note(step, f"it has no score of {step.task}")
        else:
            score = SplitScore(val=own.val[step.task], test=own.test[step.task])
            found[name].setdefault(seed, {})[step.task] = score
    return References(**found)


def _ledger(
    ended: FinishedSweep, outcomes: Mapping[str, Sequence[WalkResult]]
) -> tuple[SharingLedger, list[tuple[Step, StepResult]]]:
    """The ledger, and every step that it counts with its result, each once."""
    walked = [(trial, outcome) for trial, found in outcomes.items() for outcome in found]
    taken = [(trial, step, outcome.results[step.key]) for trial, outcome in walked for step in outcome.finished]
    uses = [StepUse(trial=trial, key=step.key, result=result) for trial, step, result in taken]
    beside = {past.key: past for step in ended.auxiliary() for past in step.chain()}
    beside |= ended.ahead_of_trials(beside.keys() | {use.key for use in uses})
    read = ((step, ended.reader.result(step, ended.inputs.store)) for step in beside.values())
    auxiliary = [(step, result) for step, result in read if result is not None]
    ledger = sharing_ledger(
        uses,
        {step.key: result for step, result in auxiliary},
        run=ended.run,
        earlier=ended.earlier,
        sharing=ended.options.run.sharing,
    )
    return ledger, [*((step, result) for _, step, result in taken), *auxiliary]


def _with_learner(ended: FinishedSweep, best: BestTrial | None) -> BestTrial | None:
    """The best trial with the settings of its learner."""
    if best is None:
        return None
    learners = {
        row_id(record, number, len(record.walks)): walk.learner
        for record in ended.trials
        for number, walk in enumerate(record.walks)
    }
    return best.model_copy(update={"learner": learners[best.trial].settings()})
