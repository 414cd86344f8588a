"""The end of a sweep: its summary, from the trials' walks and the facts in the store."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from atlas.report import SCHEMA, leaderboard, order_statistics, trial_metrics
from atlas.step import Step
from atlas.store import Store
from atlas.sweep.cost import walk_cost
from atlas.sweep.ground import Ground
from atlas.sweep.journal import TrialRecord
from atlas.sweep.options import Options
from atlas.sweep.outcome import ROUTES, SPLITS, Outcome
from atlas.sweep.planner import Plan, Walk
from atlas.tasks import find_task

PACKAGES = ("ray", "torch", "transformers", "peft", "optuna", "mlflow", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A sweep that has ended: what it was asked, what it stood on, what its trials did. `began`: seconds since 1970."""

    sweep: dict[str, Any]
    options: Options
    ground: Ground
    plan: Plan
    trials: Sequence[TrialRecord]
    references: Mapping[str, Sequence[Walk]]
    began: float

    def store_of(self, record: TrialRecord) -> Store:
        """The store as the trial saw it."""
        return replace(self.ground.store, scope=record.scope(self.options.sharing))

    def outcomes(self, record: TrialRecord) -> list[Outcome]:
        """The trial's walks, with the facts of all the steps that it took."""
        store = self.store_of(record)
        taken = {key for walk in record.steps for key in walk}
        outcomes = [Outcome(walk=walk, around=self.ground.around) for walk in record.walks]
        for outcome in outcomes:
            for step in (step for stages in outcome.steps for step in stages):
                if step.key in taken and (entry := store.find(step.key)) is not None:
                    outcome.add(step, dict(entry.facts))
        return outcomes

    def reference_steps(self) -> Iterator[tuple[str, int, Step]]:
        """Name, seed and step of each reference."""
        for name, walks in self.references.items():
            for walk in walks:
                yield name, walk.seed, walk.steps(self.ground.around)[-1][-1]


def summarise(ended: Ended) -> dict[str, Any]:
    """The summary, as `atlas.report.summary` documents it."""
    outcomes = {record.id: ended.outcomes(record) for record in ended.trials}
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "sweep": ended.sweep,
        "settings": {**_plain(asdict(ended.options)), "backbone_digest": ended.ground.around.backbone},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "seeds": list(ended.options.seeds),
        "plan": ended.plan.as_facts(),
        "tasks": {name: _task(name, ended.ground) for name in ended.options.tasks},
        "trials": [row for record in ended.trials for row in _rows(ended, record, outcomes[record.id])],
        "references": _references(ended),
        "orders": [],
        "ledger": _ledger(ended, [outcome for found in outcomes.values() for outcome in found]),
        "best": None,
    }
    for row in summary["trials"]:
        judged = {split: trial_metrics(summary, row, split) for split in SPLITS}
        row["metrics"] = {
            f"{split}/{name}": value for split, figures in judged.items() for name, value in figures.items()
        }
    return {**summary, "orders": order_statistics(summary), "best": _best(summary)}


def _rows(ended: Ended, record: TrialRecord, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    return [
        {
            "id": record.id if len(outcomes) == 1 else f"{record.id}.{number}",
            "order": list(outcome.walk.order),
            "seed": outcome.walk.seed,
            "settings": record.settings,
            "step_keys": [step.key for step in outcome.taken],
            "status": record.status,
            "R": {split: {route: _plain(outcome.matrix(split, route)) for route in ROUTES} for split in SPLITS},
            "metrics": {},
            "error": record.error,
            "cost": walk_cost(outcome, ended.ground, ended.store_of(record)),
        }
        for number, outcome in enumerate(outcomes)
    ]


def _references(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = {name: {} for name in ended.references}
    for name, seed, step in ended.reference_steps():
        if (entry := ended.ground.store.find(step.key)) is not None:
            own = entry.facts["scores"]["own"]
            found[name].setdefault(str(seed), {})[step.task] = {split: own[split][step.task] for split in SPLITS}
    return found


def _ledger(ended: Ended, outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Each taking of a step by a trial either trained it now (once) or used it again."""
    taken = [(step.key, outcome.facts[step.key]) for outcome in outcomes for step in outcome.taken]
    fresh = {key: fact["cost"]["seconds"] for key, fact in taken if fact["began"] >= ended.began}
    trained = sum(fresh.values())
    count = len(fresh) if ended.options.sharing else len(taken)
    return {
        "steps_trained": count,
        "steps_reused": len(taken) - count,
        "seconds_trained": trained,
        "seconds_saved": sum(fact["cost"]["seconds"] for _, fact in taken) - trained if ended.options.sharing else 0.0,
    }


def _best(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The trial that validation prefers, and what the test split says of it."""
    rows = [row for row in leaderboard(summary) if row.status == "FINISHED"]
    return {"trial": rows[0].trial, "val": rows[0].val, "test": rows[0].test} if rows else None


def _task(name: str, ground: Ground) -> dict[str, Any]:
    task, prepared = find_task(name), ground.prepared[name]
    card = {key: prepared.card[key] for key in ("chance", "score", "modality")}
    card["majority"] = prepared.card["majority"].get("test")
    return {"title": task.title, **card, "fingerprint": prepared.fingerprint, "counts": dict(prepared.counts)}


def _plain(value: Any) -> Any:
    """JSON values: tuples as lists, NaN as None."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value
