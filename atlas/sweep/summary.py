"""The end of a sweep: its summary, from the trials' walks and the facts in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from atlas.config.options import Options
from atlas.metrics import Undefined
from atlas.report import BARE, SCHEMA, downstream_orders, leaderboard, order_statistics, trial_metrics
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from atlas.steps.walk_result import AVERAGE, DOWNSTREAM, ROUTES, SPLITS, WalkResult
from atlas.storage.store import Store
from atlas.sweep.cost import walk_cost
from atlas.sweep.inputs import SweepInputs
from atlas.sweep.plan import Plan
from atlas.sweep.provenance import provenance_of, versions
from atlas.tasks import find_task


@dataclass(frozen=True, kw_only=True)
class FinishedSweep:
    """A sweep that has ended: what it was asked, what it stood on, what its trials did.

    `run`: what the steps that it learnt itself say that they were learnt for. `file`: the Python file that asked it, as
    it was called.
    """

    sweep: dict[str, Any]
    options: Options
    inputs: SweepInputs
    plan: Plan
    trials: Sequence[TrialRecord]
    references: Mapping[str, Sequence[Walk]]
    run: str
    bare: Sequence[Walk] = ()
    goal: str = AVERAGE
    file: str = ""

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
        outcome = WalkResult(walk=walk, step_inputs=self.inputs.step_inputs)
        for step in walk.every_step(self.inputs.step_inputs):
            if (taken is None or step.key in taken) and (entry := store.find(step.key)) is not None:
                outcome.add(step, entry.result)
        return outcome

    def bare_outcomes(self) -> list[WalkResult]:
        """The probes of the bare backbone, one outcome a seed."""
        return [self._outcome(walk, self.inputs.store) for walk in self.bare]

    def reference_steps(self) -> Iterator[tuple[str, int, Step]]:
        """Name, seed and step of each reference."""
        for name, walks in self.references.items():
            for walk in walks:
                yield name, walk.seed, walk.steps(self.inputs.step_inputs)[-1][-1]

    def auxiliary(self) -> Iterator[Step]:
        """The steps that no trial takes: references, and what was learnt on the bare backbone."""
        yield from (step for _, _, step in self.reference_steps())
        yield from (step for walk in self.bare for step in walk.every_step(self.inputs.step_inputs))


def summarise(ended: FinishedSweep) -> dict[str, Any]:
    """The summary, as `atlas.report.summary` documents it."""
    outcomes = {record.id: ended.outcomes(record) for record in ended.trials}
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "sweep": ended.sweep,
        "settings": {**_plain(ended.options.flat()), "backbone_digest": ended.inputs.step_inputs.backbone},
        "versions": versions(),
        "origin": provenance_of(ended.file, _learners(ended)),
        "seeds": list(ended.options.search.seeds),
        "plan": ended.plan.as_facts(),
        "tasks": {name: _task(name, ended.inputs) for name in ended.options.search.tasks},
        "trials": [row for record in ended.trials for row in _rows(ended, record, outcomes[record.id])],
        "references": _references(ended),
        "reference_keys": sorted({past.key for step in ended.auxiliary() for past in step.chain()}),
        "orders": [],
        "ledger": _ledger(ended, [outcome for found in outcomes.values() for outcome in found]),
        "best": None,
    }
    if ended.options.search.downstream:
        summary["downstream"] = _downstream(ended, outcomes)
        summary["downstream_tasks"] = {name: _task(name, ended.inputs) for name in ended.options.search.downstream}
    walked = [outcome for found in outcomes.values() for outcome in found]
    if joint := _joint(walked):
        summary["joint"] = joint
    for row, outcome in zip(summary["trials"], walked, strict=True):
        row["metrics"] = _metrics(summary, row, outcome)
    return {**summary, "orders": order_statistics(summary), "best": _best(summary, ended.goal)}


def _metrics(summary: Mapping[str, Any], row: Mapping[str, Any], outcome: WalkResult) -> dict[str, Any]:
    """`<split>/<name>` → every figure of a walk, None where undefined; `<split>/undefined` says why."""
    figures: dict[str, Any] = {"train/undefined": {}}
    for split in SPLITS:
        found = trial_metrics(summary, row, split)
        figures |= {f"{split}/{name}": found[name] for name in found.values}
        figures[f"{split}/undefined"] = found.undefined
    for place, figure in outcome.learning_speeds.items():
        part, _, name = place.partition("/")
        figures[place] = None if isinstance(figure, Undefined) else figure
        if isinstance(figure, Undefined):
            figures[f"{part}/undefined"] = {**figures[f"{part}/undefined"], name: figure.reason}
    return figures


def _joint(walked: Sequence[WalkResult]) -> list[dict[str, Any]]:
    """What models score that trials trained on the tasks seen so far together; of several for the same tasks and seed
    the one that scores most on `val`."""
    found: dict[tuple[tuple[str, ...], int], dict[str, Any]] = {}
    for outcome in (one for one in walked if one.steps and one.steps[-1][-1].joint_tasks):
        for step in (stages[-1] for stages in outcome.steps if stages[-1].key in outcome.results):
            latest, tasks = outcome.results[step.key].scores.latest, tuple(sorted(step.learns))
            row: dict[str, Any] = {"tasks": list(tasks), "seed": outcome.walk.seed}
            row |= {split: dict(latest.of(split)) for split in SPLITS}
            known = found.setdefault((tasks, outcome.walk.seed), row)
            if sum(row["val"].values()) > sum(known["val"].values()):
                found[tasks, outcome.walk.seed] = row
    return list(found.values())


def _learners(ended: FinishedSweep) -> set[str]:
    """The names of the learners that trials walked with."""
    return {walk.learner.name for record in ended.trials for walk in record.walks}


def _rows(ended: FinishedSweep, record: TrialRecord, outcomes: Sequence[WalkResult]) -> list[dict[str, Any]]:
    return [
        {
            "id": row_id(record, number, len(outcomes)),
            "order": list(outcome.walk.order),
            "seed": outcome.walk.seed,
            "settings": record.settings,
            "step_keys": [step.key for step in outcome.finished],
            "status": record.status,
            "R": {split: {route: _plain(outcome.matrix(split, route)) for route in ROUTES} for split in SPLITS},
            "metrics": {},
            "error": record.error,
            "cost": walk_cost(outcome, ended.inputs, ended.store_of(record)),
        }
        for number, outcome in enumerate(outcomes)
    ]


def row_id(record: TrialRecord, number: int, walks: int) -> str:
    """The name of one of a trial's walks."""
    return record.id if walks == 1 else f"{record.id}.{number}"


def _downstream(ended: FinishedSweep, outcomes: Mapping[str, Sequence[WalkResult]]) -> list[dict[str, Any]]:
    named = [(BARE, outcome) for outcome in ended.bare_outcomes()]
    for record in ended.trials:
        found = outcomes[record.id]
        named += [(row_id(record, number, len(found)), outcome) for number, outcome in enumerate(found)]
    return [
        {
            "trial": trial,
            "order": list(outcome.walk.order),
            "seed": outcome.walk.seed,
            "task": probe.task,
            "way": probe.way,
            "shots": probe.shots.describe() if probe.shots else "all records",
            **{split: outcome.probe_scores(split)[probe] for split in SPLITS},
        }
        for trial, outcome in named
        for probe in outcome.probe_scores("test")
    ]


def _references(ended: FinishedSweep) -> dict[str, Any]:
    found: dict[str, Any] = {name: {} for name in ended.references}
    for name, seed, step in ended.reference_steps():
        if (entry := ended.inputs.store.find(step.key)) is not None:
            own = entry.result.scores.own
            found[name].setdefault(str(seed), {})[step.task] = {split: own.of(split)[step.task] for split in SPLITS}
    return found


def _ledger(ended: FinishedSweep, outcomes: Sequence[WalkResult]) -> dict[str, float]:
    """Each taking of a step by a trial either trained it now (once) or used it again."""
    taken = [(step.key, outcome.results[step.key]) for outcome in outcomes for step in outcome.finished]
    fresh = {key: result.cost.seconds for key, result in taken if result.run == ended.run}
    trained = sum(fresh.values())
    sharing = ended.options.run.sharing
    count = len(fresh) if sharing else len(taken)
    return {
        "steps_trained": count,
        "steps_reused": len(taken) - count,
        "seconds_trained": trained,
        "seconds_saved": sum(result.cost.seconds for _, result in taken) - trained if sharing else 0.0,
    }


def _best(summary: Mapping[str, Any], goal: str) -> dict[str, Any] | None:
    """The trial that validation prefers, and what the test split says of it."""
    if goal == DOWNSTREAM and (found := downstream_orders(summary)):
        return {"trial": found[0].trial, "val": found[0].val, "test": found[0].test, "goal": "downstream"}
    rows = [row for row in leaderboard(summary) if row.status == "FINISHED"]
    return {"trial": rows[0].trial, "val": rows[0].val, "test": rows[0].test} if rows else None


def _task(name: str, inputs: SweepInputs) -> dict[str, Any]:
    task, prepared = find_task(name), inputs.prepared[name]
    card = prepared.card.model_dump(include={"chance", "score", "modality"})
    card["majority"] = prepared.card.majority.get("test")
    return {"title": task.title, **card, "fingerprint": prepared.fingerprint, "counts": dict(prepared.counts)}


def _plain(value: Any) -> Any:
    """JSON values: tuples as lists, NaN as None."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value
