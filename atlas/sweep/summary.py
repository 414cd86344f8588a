"""The summary of a sweep that has ended, from the trials' walks and the results in the store."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from atlas.config.options import Options
from atlas.metrics import MetricValue
from atlas.report import downstream_orders, leaderboard, order_statistics, trial_metrics
from atlas.report.settings import best_label
from atlas.report.summary import (
    BACKBONE_DIGEST,
    BARE,
    ROUTES,
    SPLITS,
    AccuracyMatrix,
    BestTrial,
    JointScores,
    ProbeScore,
    References,
    SeedScores,
    SharingLedger,
    SplitScore,
    Summary,
    SweepFacts,
    TaskFacts,
    TrialRow,
)
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE, DOWNSTREAM, WalkResult
from atlas.storage.store import Store
from atlas.sweep.cost import walk_cost
from atlas.sweep.held_out import held_out_scores
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.plan import Plan
from atlas.sweep.provenance import provenance_of, versions
from atlas.sweep.sharing_ledger import StepUse, sharing_ledger
from atlas.sweep.step_reader import StepReader
from atlas.tasks import find_task


@dataclass(frozen=True, kw_only=True)
class FinishedSweep:
    """A sweep that has ended: its options, its inputs and the results of its trials.

    `run`: the id that its own steps bear as the run that trained them; `earlier`: the ids of its runs that were
    interrupted. `file`: the Python file of the sweep, as it was called. `held_out`: walks of the best setting along
    orders that no trial took (None: the sweep holds none out). `reader` notes the steps that cannot be read.
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
    goal: str = AVERAGE
    file: str = ""
    held_out: Sequence[Walk] | None = None
    reader: StepReader = field(default_factory=StepReader)

    def store_of(self, record: TrialRecord) -> Store:
        """The store as the trial saw it."""
        return replace(self.inputs.store, scope=record.scope(self.options.run.sharing))

    def outcomes(self, record: TrialRecord) -> list[WalkResult]:
        """The trial's walks, with the facts of all the steps that it took."""
        store = self.store_of(record)
        taken = {key for walk in record.steps for key in walk}
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

    def auxiliary(self) -> Iterator[Step]:
        """The steps that no trial takes: references, and probes of the bare backbone."""
        yield from (step for _, _, step in self.reference_steps())
        yield from (step for walk in self.bare for step in self.inputs.graph.every_step(walk))


def summarise(ended: FinishedSweep) -> Summary:
    """The summary of a sweep that has ended. A step that cannot be read loses its own scores and cost, no more."""
    ended = replace(ended, reader=StepReader(keeps=True))
    outcomes = {record.id: ended.outcomes(record) for record in ended.trials}
    walked = [outcome for found in outcomes.values() for outcome in found]
    search = ended.options.search
    scores = Summary(
        sweep=ended.sweep.model_copy(update={"goal": ended.goal}),
        settings=_settings(ended),
        versions=versions(),
        origin=provenance_of(ended.file, _learners(ended)),
        seeds=search.seeds,
        plan=ended.plan.as_facts(),
        tasks={name: _task(name, ended.inputs) for name in search.tasks},
        trials=tuple(row for record in ended.trials for row in _rows(ended, record, outcomes[record.id])),
        references=_references(ended),
        reference_keys=tuple(sorted({past.key for step in ended.auxiliary() for past in step.chain()})),
        orders=(),
        ledger=_ledger(ended, outcomes),
        best=None,
        joint=_joint(walked),
        downstream=_downstream(ended, outcomes) if search.downstream else (),
        downstream_tasks={name: _task(name, ended.inputs) for name in search.downstream},
    )
    rows = zip(scores.trials, walked, strict=True)
    measured = tuple(row.model_copy(update={"metrics": _metrics(scores, row, outcome)}) for row, outcome in rows)
    scores = scores.model_copy(update={"unreadable": dict(ended.reader.unreadable)})
    absent = (name for name in ("joint", "downstream", "downstream_tasks", "unreadable") if not getattr(scores, name))
    summary = scores.without(*absent).model_copy(update={"trials": measured})
    if ended.held_out is not None:
        walked = [ended.walked(walk) for walk in ended.held_out]
        summary = summary.model_copy(update={"held_out": held_out_scores(ended.trials, outcomes, walked)})
    return summary.model_copy(
        update={"orders": order_statistics(summary), "best": _with_learner(ended, _best(summary, ended.goal))}
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


def _joint(walked: Sequence[WalkResult]) -> tuple[JointScores, ...]:
    """The scores of models that trials trained on the tasks seen so far together; of several for the same tasks and
    seed the one that scores most on `val`."""
    found: dict[tuple[tuple[str, ...], int], JointScores] = {}
    for outcome in (one for one in walked if one.steps and one.steps[-1][-1].joint_tasks):
        for step in (stages[-1] for stages in outcome.steps if stages[-1].key in outcome.results):
            latest, tasks = outcome.results[step.key].scores.latest, tuple(sorted(step.learns))
            row = JointScores(tasks=tasks, seed=outcome.walk.seed, val=dict(latest.val), test=dict(latest.test))
            known = found.setdefault((tasks, outcome.walk.seed), row)
            if sum(row.val.values()) > sum(known.val.values()):
                found[tasks, outcome.walk.seed] = row
    return tuple(found.values())


def _learners(ended: FinishedSweep) -> set[str]:
    """The names of the learners that trials walked with."""
    return {walk.learner.name for record in ended.trials for walk in record.walks}


def _rows(ended: FinishedSweep, record: TrialRecord, outcomes: Sequence[WalkResult]) -> list[TrialRow]:
    return [
        TrialRow(
            id=row_id(record, number, len(outcomes)),
            order=outcome.walk.order,
            seed=outcome.walk.seed,
            settings={**record.settings},
            step_keys=tuple(step.key for step in outcome.finished),
            status=record.status,
            R={split: {route: known_scores(outcome.matrix(split, route)) for route in ROUTES} for split in SPLITS},
            metrics={},
            error=record.error,
            cost=walk_cost(outcome, ended.inputs, ended.store_of(record), ended.reader),
            **({"stopped": record.stopped} if record.stopped else {}),
        )
        for number, outcome in enumerate(outcomes)
    ]


def known_scores(R: Sequence[Sequence[float]]) -> AccuracyMatrix:
    """R with None where a score is not known."""
    return tuple(tuple(None if math.isnan(score) else score for score in row) for row in R)


def row_id(record: TrialRecord, number: int, walks: int) -> str:
    """The name of one of a trial's walks."""
    return record.id if walks == 1 else f"{record.id}.{number}"


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
            continue
        own = result.scores.own
        if step.task not in own.val.keys() & own.test.keys():
            ended.reader.note(step, f"it has no score of {step.task}")
        else:
            score = SplitScore(val=own.val[step.task], test=own.test[step.task])
            found[name].setdefault(seed, {})[step.task] = score
    return References(**found)


def _ledger(ended: FinishedSweep, outcomes: Mapping[str, Sequence[WalkResult]]) -> SharingLedger:
    walked = [(trial, outcome) for trial, found in outcomes.items() for outcome in found]
    uses = [
        StepUse(trial=trial, key=step.key, result=outcome.results[step.key])
        for trial, outcome in walked
        for step in outcome.finished
    ]
    beside = {past.key: past for step in ended.auxiliary() for past in step.chain()}
    read = ((key, ended.reader.result(step, ended.inputs.store)) for key, step in beside.items())
    auxiliary = {key: result for key, result in read if result is not None}
    sharing = ended.options.run.sharing
    return sharing_ledger(uses, auxiliary, run=ended.run, earlier=ended.earlier, sharing=sharing)


def _best(summary: Summary, goal: str) -> BestTrial | None:
    """The trial that validation prefers, of the settings that it prefers, and its score on the test split."""
    if goal == DOWNSTREAM and (found := downstream_orders(summary)):
        return BestTrial(trial=found[0].trial, val=found[0].val, test=found[0].test, goal="downstream")
    finished = [row for row in leaderboard(summary) if row.status == "FINISHED"]
    rows = [row for row in finished if row.settings == best_label(summary)] or finished
    return BestTrial(trial=rows[0].trial, val=rows[0].val, test=rows[0].test) if rows else None


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


def _task(name: str, inputs: SweepInputs) -> TaskFacts:
    task, prepared = find_task(name), inputs.prepared[name]
    card = prepared.card
    return TaskFacts(
        title=task.title,
        chance=card.chance,
        score=card.score,
        modality=card.modality,
        majority=card.majority.get("test"),
        fingerprint=prepared.fingerprint,
        counts=dict(prepared.counts),
    )
