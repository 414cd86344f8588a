"""From trials and steps to tracking events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import get_args

from atlas.data.prepare import Prepared
from atlas.report import settings_label
from atlas.report.summary import Summary
from atlas.runtime.errors import AtlasError
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import Step
from atlas.storage.artifact import Artifact
from atlas.storage.local_copy import copy_folder
from atlas.storage.score_names import ROUTES, SPLITS
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from atlas.sweep.step_reader import StepReader
from atlas.sweep.tracking_actor import Recorder
from atlas.tracking import CurvePoint, Dataset, StepFinished, TrialEnd, TrialFinished, TrialStarted, TrialStep

ENDS: Mapping[str, TrialEnd] = {end: end for end in get_args(TrialEnd)}
DECIMALS = 2  # of figures that a table shows
SHORT: Mapping[str, str] = {  # short name → metric
    "test A": "test/latest/average_accuracy",
    "test A own": "test/own/average_accuracy",
    "test forgetting": "test/latest/forgetting",
    "test BWT": "test/latest/backward_transfer",
}


@dataclass
class TrackingReporter:
    """Listens to the trials of a sweep and records each change once."""

    tracking: Recorder
    sweep_id: str
    store: Store
    prepared: Mapping[str, Prepared]
    sharing: bool = True
    _recorded: set[str] = field(default_factory=set)
    _finished: set[str] = field(default_factory=set)
    _missed: dict[str, tuple[Step, str]] = field(default_factory=dict)
    _reader: StepReader = field(default_factory=StepReader)

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        """Open, advance or close the trial's run, and record the steps that no trial has brought yet."""
        sweep, trial = self.sweep_id, record.id
        if record.id not in self._recorded:
            self._recorded.add(record.id)
            self.tracking.record(TrialStarted(sweep=sweep, trial=trial, params=record.params))
        for step in taken:
            self.record_step(step, scope=record.scope(self.sharing))
            metrics = record.figures if step is taken[-1] else {}
            self.tracking.record(
                TrialStep(sweep=sweep, trial=trial, step=step.key, tasks_seen=record.tasks_seen, metrics=metrics)
            )
        status = ENDS.get(record.status)
        if status is not None and record.id not in self._finished:
            self._finished.add(record.id)
            metrics = record.figures | _short_figures(record)
            ended = TrialFinished(
                sweep=sweep,
                trial=trial,
                status=status,
                metrics=metrics,
                reason=record.stopped,
                infeasible=record.infeasible,
            )
            self.tracking.record(ended)

    def record_step(self, step: Step, scope: str = "", known: Artifact | None = None) -> None:
        """Record that the step is finished, unless this sweep has already; one that cannot be read is missed.

        `known`: its artifact, where that was read.
        """
        if step.key in self._recorded:
            return
        self._missed[step.key] = step, scope
        store = replace(self.store, scope=scope)
        with self._reader.noted(step):  # an error would end the search, on whose thread this runs
            if (artifact := known or store.find(step.key)) is not None:
                self.tracking.record(self._step_event(step, artifact.result, _adapter(artifact, store), scope))
                self._recorded.add(step.key)
                del self._missed[step.key]

    def record_trained(self, steps: Iterable[Step]) -> None:
        """Record steps that were trained, before a trial takes them; one that cannot be read now is left to it.

        Where all trials are known, steps are trained by their place in orders, and most trials take theirs at the end:
        recorded only then, they would keep the sink busy long after the last one.
        """
        for step in steps:
            if step.key not in self._missed:
                with suppress(OSError, AtlasError):
                    self.record_step(step)

    def record_missed(self) -> None:
        """Try again with the steps that could not be read: a damaged one may have been trained again since."""
        for step, scope in list(self._missed.values()):
            self.record_step(step, scope)

    def _step_event(self, step: Step, result: StepResult, adapter: str, scope: str) -> StepFinished:
        scores = {
            f"{split}/{route}/{task}": value
            for route in ROUTES
            for split in SPLITS
            for task, value in result.scores.of(route).of(split).items()
        }
        tags = {"task": step.task, "stage": step.stage.kind, "seed": str(step.seed), "kind": "step"}
        continued = (result.continued_at,) if result.continued_at else ()
        circumstances = {"resumed_at": result.resumed_at, "continued_at": continued, "workers": result.workers}
        for name, numbers in circumstances.items():
            if numbers:
                tags[name] = ", ".join(map(str, numbers))
        return StepFinished(
            key=step.key,
            name=step.title,
            sweep=self.sweep_id,
            settings={"stage": step.stage.settings(), "seed": step.seed, "order": " > ".join(step.order)},
            tags=tags,
            curves={"loss": _points(result.losses), "validation": _points(result.validations)},
            scores={**scores, **{f"cost/{name}": value for name, value in result.cost if value is not None}},
            position=len(step.order) - 1,
            started=result.began,
            ended=result.ended,
            datasets=(self._dataset(step.task),),
            adapter=adapter,
            scope=scope,
        )

    def _dataset(self, task: str) -> Dataset:
        prepared = self.prepared[task]
        return Dataset(
            name=task,
            fingerprint=prepared.fingerprint,
            source={"folder": str(prepared.path), "counts": dict(prepared.counts), "licence": prepared.card.licence},
            source_type="local",
        )


def _adapter(artifact: Artifact, store: Store) -> str:
    """The folder of a step's adapter, verified in a local store; nothing for a step without one.

    Elsewhere it is that of its copy, which the sink's own process makes where it needs one (`AdapterSink`).
    """
    if not any(name.startswith("adapter/") for name in artifact.files):
        return ""
    if store.is_local:
        return str(store.fetch(artifact, only="adapter") / "adapter")
    return str(copy_folder(artifact.key, artifact.attempt, only="adapter") / "adapter")


def _short_figures(record: TrialRecord) -> dict[str, float]:
    """The figures of a trial that a leaderboard ranks, by short names; none of one that was cut short or is infeasible.

    The objective is on val, after all tasks; the others are on test.
    """
    if not record.may_win:
        return {}
    figures = {short: record.figures[name] for short, name in SHORT.items() if name in record.figures}
    if record.objective is not None:
        figures["objective"] = record.objective
    return {name: round(value, DECIMALS) for name, value in figures.items()}


def _points(curve: Iterable[tuple[int, float]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(update, value) for update, value in curve)


def sweep_metrics(summary: Summary) -> dict[str, float | None]:
    """The sweep's own metrics: the best trial, the statistics over orders, and the savings of sharing."""
    ledger, best = summary.ledger, summary.best
    metrics: dict[str, float | None] = {
        "ledger/steps_trained": ledger.steps_trained,
        "ledger/steps_reused": ledger.steps_reused,
        "ledger/seconds_trained": ledger.seconds_trained,
        "ledger/seconds_saved": ledger.seconds_saved,
    }
    if best is not None:
        goal = "downstream_mean" if best.goal == "downstream" else "average_accuracy"
        metrics |= {f"best/val/{goal}": best.val, f"best/test/{goal}": best.test}
    if (budget := summary.sweep.budget) is not None:
        metrics |= {"budget/amount": budget.amount, "budget/spent": budget.spent}
    if len({str(found.settings) for found in summary.orders}) == 1:
        for found in summary.orders:
            group = f"orders/{found.split}/{found.route}"
            metrics |= {f"{group}/aopd": found.aopd, f"{group}/mopd": found.mopd}
            metrics |= {f"{group}/opd/{task}": value for task, value in found.opd.items()}
    return metrics


def trial_disparities(summary: Summary) -> dict[str, dict[str, float | None]]:
    """AOPD on test, route latest, of each finished trial that walks several orders, by its id."""
    found = {
        settings_label(one.settings): None if one.aopd is None else round(one.aopd, DECIMALS)
        for one in summary.orders
        if (one.split, one.route) == ("test", "latest")
    }
    rows = [row for row in summary.trials if "." in row.id and row.status == "FINISHED"]
    return {row.id.partition(".")[0]: {"test AOPD": found.get(settings_label(row.settings))} for row in rows}
