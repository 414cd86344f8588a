"""Writer of MLflow's runs: applies events through its client; applying an event again changes nothing.

    sweep run ─┬─ trial runs   (tag `atlas.steps`: names and run ids of the steps walked)
               └─ step runs    (children of the sweep that trained them first)

A run is found again by its tag `atlas.key`: the store's key of a step, `sweep/<id>`, `trial/<sweep>/<id>`. The
experiment has two prepared views a sweep (see `views`).
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from atlas.tracking.events import (
    Event,
    Metrics,
    RunArtifact,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialFinished,
    TrialStarted,
    TrialStep,
    sweep_key,
    trial_key,
)
from atlas.tracking.mlflow.batches import LogBatch, Value, flat, log_datasets, setting_values, upload
from atlas.tracking.mlflow.internals import NOTE_TAG
from atlas.tracking.mlflow.known_runs import ORDER_TAG, STEPS_TAG, SWEEP_TAG, KnownRun, KnownRuns, NewRun
from atlas.tracking.mlflow.notes import Link, fitted_note, plain, run_name, steps_note, steps_tag, text
from atlas.tracking.mlflow.views import SweepViews

RESUMED_TAG = "atlas.resumed"  # the parameters of a resumed sweep that differ from those it began with


class Writer:
    """Applies events in order. Not thread-safe; raises what mlflow raises."""

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._runs = KnownRuns(tracking_uri, experiment)
        self._views = SweepViews(self._runs)

    @property
    def experiment_id(self) -> str:
        """The id of its experiment."""
        return self._runs.experiment_id

    def forget(self) -> None:
        """Ask MLflow anew for every run: for a server that came back with another database."""
        self._runs.forget()
        self._views = SweepViews(self._runs)

    def apply(self, event: Event) -> None:
        """Make MLflow show the event. Raises FileNotFoundError where a step's adapter is not on this machine."""
        if isinstance(event, StepFinished) and event.adapter and not Path(event.adapter).is_dir():
            raise FileNotFoundError(f"the adapter of step {event.key} is not at {event.adapter}")
        self._log_at_once(event)
        if isinstance(event, StepFinished):
            self._finish_step(event)

    def _log_at_once(self, event: Event) -> None:
        """Log the event in one transaction where there are any, and call by call where that fails.

        So it does where a part of the event is there already: MLflow mends that by rolling back within a call.
        """
        try:
            with self._runs.transaction():
                self._log(event)
        except Exception:
            if not self._runs.has_transactions:
                raise
            self.forget()
            self._log(event)

    def _log(self, event: Event) -> None:
        match event:
            case SweepStarted():
                self._start_sweep(event)
            case TrialStarted():
                self._start_trial(event)
            case StepFinished():
                self._log_step(event)
            case TrialStep():
                self._log_trial_step(event)
            case TrialFinished():
                self._finish_trial(event)
            case SweepFinished():
                self._finish_sweep(event)
            case _:
                assert_never(event)

    def _start_sweep(self, event: SweepStarted) -> None:
        new = NewRun(kind="sweep", name=event.name, at=event.at, tags=event.tags, note=event.note)
        run = self._runs.named(event.key, new)
        self._runs.open(run, event.at)
        tags = {**event.tags, **self._changed_params(run, event)}
        self._runs.log(run, LogBatch(at=event.at, params=event.params, tags=tags))
        self._views.add(event.sweep)

    def _changed_params(self, run: KnownRun, event: SweepStarted) -> dict[str, str]:
        """The tag that says with what a resumed sweep goes on: MLflow's parameters cannot change."""
        told = [(plain(name), text(value)) for name, value in flat(event.params)]
        changed = [f"{name}={value}" for name, value in told if run.params.get(name, value) != value]
        return {RESUMED_TAG: fitted_note("\n".join(changed))} if changed else {}

    def _start_trial(self, event: TrialStarted) -> None:
        run = self._trial(event)
        run.order = text(event.params.get("order", ""))
        self._runs.open(run, event.at)
        self._runs.log(run, LogBatch(at=event.at, params=event.params, values=setting_values(event.params)))
        self._views.add(event.sweep, event.params)

    def _log_step(self, event: StepFinished) -> None:
        """Log all of a step's run but its files."""
        started, ended = (_milliseconds(seconds, event.at) for seconds in (event.started, event.ended))
        new = NewRun(
            kind="step",
            name=event.name or event.key[:12],
            at=started,
            parent=self._sweep(event.sweep, started).run_id if event.sweep else None,
            tags={**event.tags, SWEEP_TAG: event.sweep},
            note=event.note,
        )
        run = self._runs.named(event.key, new)
        if run.closed:
            return
        values = _curve_values(event) + _values(event.scores, event.position)
        self._runs.log(run, LogBatch(at=ended, params=event.settings, values=values), curves=True)
        log_datasets(self._runs.client, run.run_id, event.datasets)

    def _finish_step(self, event: StepFinished) -> None:
        """Upload a step's files, which may take a while, and close its run."""
        run = self._runs.find(event.key)
        if run is None or run.closed:
            return
        adapter = (RunArtifact(event.adapter, "adapter"),) if event.adapter else ()
        upload(self._runs.client, run.artifacts, (*adapter, *event.artifacts))
        self._runs.close(run, event.status, _milliseconds(event.ended, event.at))

    def _log_trial_step(self, event: TrialStep) -> None:
        run = self._trial(event)
        if any(link.key == event.step for link in run.links):
            return
        step = self._runs.find(event.step)
        link = Link(
            key=event.step,
            name=step.name if step else "",
            run_id=step.run_id if step else None,
            tasks_seen=event.tasks_seen,
        )
        links = [*run.links, link]
        values = _values(event.metrics, event.tasks_seen)
        self._runs.log(run, LogBatch(at=event.at, values=values, tags=self._step_tags(links, run.order)), curves=True)
        run.links = links

    def _finish_trial(self, event: TrialFinished) -> None:
        run = self._trial(event)
        if any(link.run_id is None for link in run.links):
            run.links = [self._resolved(link) for link in run.links]
            self._runs.log(run, LogBatch(at=event.at, tags=self._step_tags(run.links, run.order)))
        self._runs.log(run, LogBatch(at=event.at, values=_values(event.metrics, 0), tags=event.tags))
        self._runs.close(run, event.status, event.at)

    def _finish_sweep(self, event: SweepFinished) -> None:
        run = self._sweep(event.sweep, event.at)
        self._runs.log(run, LogBatch(at=event.at, values=_values(event.metrics, 0)))
        for trial, metrics in event.trials.items():
            if tried := self._runs.find(trial_key(event.sweep, trial)):
                self._runs.log(tried, LogBatch(at=event.at, values=_values(metrics, 0)))
        upload(self._runs.client, run.artifacts, event.artifacts)
        self._runs.close_abandoned(event.sweep, event.at)
        self._runs.close(run, event.status, event.at)

    def _sweep(self, sweep: str, at: int) -> KnownRun:
        return self._runs.named(sweep_key(sweep), NewRun(kind="sweep", name=sweep, at=at))

    def _trial(self, event: TrialStarted | TrialStep | TrialFinished) -> KnownRun:
        """The trial's run, created where there is none: only its start says what it tries."""
        parent = self._sweep(event.sweep, event.at).run_id
        params = event.params if isinstance(event, TrialStarted) else {}
        tags = {SWEEP_TAG: event.sweep, "atlas.trial": event.trial}
        if params:
            tags[ORDER_TAG] = text(params.get("order", ""))
        name = run_name(params) or f"trial {event.trial}"
        new = NewRun(kind="trial", name=name, at=event.at, parent=parent, tags=tags)
        return self._runs.named(trial_key(event.sweep, event.trial), new)

    def _step_tags(self, links: list[Link], order: str) -> dict[str, str]:
        return {STEPS_TAG: steps_tag(links), NOTE_TAG: steps_note(links, self.experiment_id, order)}

    def _resolved(self, link: Link) -> Link:
        step = self._runs.find(link.key) if link.run_id is None else None
        return link.model_copy(update={"run_id": step.run_id, "name": step.name}) if step else link


def _curve_values(event: StepFinished) -> list[Value]:
    return [Value(metric, point.value, point.update) for metric, curve in event.curves.items() for point in curve]


def _values(metrics: Metrics, step: int) -> list[Value]:
    return [Value(name, value, step) for name, value in metrics.items()]


def _milliseconds(seconds: float | None, otherwise: int) -> int:
    return otherwise if seconds is None else int(seconds * 1000)
