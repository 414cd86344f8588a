"""Writer of MLflow's runs: applies events through its client; applying an event again changes nothing.

    sweep run ─┬─ trial runs   (tag `atlas.steps`: names and run ids of the steps walked)
               └─ step runs    (children of the sweep that trained them first)

A run is found again by its tag `atlas.key`: the store's key of a step, `sweep/<id>`, `trial/<sweep>/<id>`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from atlas.tracking.events import (
    Event,
    Metrics,
    RunArtifact,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialEnd,
    TrialFinished,
    TrialStarted,
    TrialStep,
    sweep_key,
    trial_key,
)
from atlas.tracking.mlflow.address import KEY_TAG, connect, creating, initialise, key_filter
from atlas.tracking.mlflow.batches import (
    PER_BATCH,
    LogBatch,
    Shown,
    Value,
    flat,
    log_batch,
    log_datasets,
    setting_values,
    upload,
)
from atlas.tracking.mlflow.internals import NOTE_TAG, PARENT_TAG
from atlas.tracking.mlflow.notes import Link, fitted_note, parse_steps, plain, steps_note, steps_tag, text

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

STEPS_TAG = "atlas.steps"
RESUMED_TAG = "atlas.resumed"  # the parameters of a resumed sweep that differ from those it began with


@dataclass(kw_only=True)
class KnownRun:
    """A run as the writer remembers it: enough to apply the next event without asking MLflow.

    ended: when it was closed, in milliseconds since 1970; None while it runs.
    """

    run_id: str
    closed: bool = False
    ended: int | None = None
    links: list[Link] = field(default_factory=list)
    order: str = ""
    name: str = ""
    latest: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run as it is created. kind: sweep, trial or step; at: its start, in milliseconds since 1970."""

    kind: str
    name: str
    at: int
    parent: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def all_tags(self, key: str) -> dict[str, str]:
        """Its tags with those by which it is found, nested and described."""
        return {
            **self.tags,
            KEY_TAG: key,
            "atlas.kind": self.kind,
            **({PARENT_TAG: self.parent} if self.parent else {}),
            **({NOTE_TAG: fitted_note(self.note)} if self.note else {}),
        }


class Writer:
    """Applies events in order. Not thread-safe; raises what mlflow raises."""

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._uri, self._experiment = tracking_uri, experiment
        self._client = connect(tracking_uri)
        self.experiment_id = initialise(tracking_uri, experiment)
        self._runs: dict[str, KnownRun] = {}

    def forget(self) -> None:
        """Ask MLflow anew for every run: for a server that came back with another database."""
        self._runs.clear()
        self.experiment_id = initialise(self._uri, self._experiment)

    def apply(self, event: Event) -> None:
        """Make MLflow show the event."""
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
        run = self._run(event.key, new)
        self._open(run, event.at)
        tags = {**event.tags, **self._changed_params(run, event)}
        self._log(run, LogBatch(at=event.at, params=event.params, values=setting_values(event.params), tags=tags))

    def _changed_params(self, run: KnownRun, event: SweepStarted) -> dict[str, str]:
        """The tag that says with what a resumed sweep goes on: MLflow's parameters cannot change."""
        told = [(plain(name), text(value)) for name, value in flat(event.params)]
        changed = [f"{name}={value}" for name, value in told if run.params.get(name, value) != value]
        return {RESUMED_TAG: fitted_note("\n".join(changed))} if changed else {}

    def _start_trial(self, event: TrialStarted) -> None:
        order = text(event.params.get("order", ""))
        run = self._trial(event, {"atlas.sweep": event.sweep, "atlas.trial": event.trial, "atlas.order": order})
        run.order = order
        self._open(run, event.at)
        self._log(run, LogBatch(at=event.at, params=event.params, values=setting_values(event.params)))

    def _log_step(self, event: StepFinished) -> None:
        """Log a step's run.

        A journal that another machine wrote names adapters that lie there alone: such a step is left for the resumed
        sweep, which records every step anew.
        """
        if event.adapter and not Path(event.adapter).is_dir():
            log.warning("the step %s is not logged yet: its adapter is not at %s", event.key, event.adapter)
            return
        started, ended = (_milliseconds(seconds, event.at) for seconds in (event.started, event.ended))
        new = NewRun(
            kind="step",
            name=event.name or event.key[:12],
            at=started,
            parent=self._sweep(event.sweep, started).run_id if event.sweep else None,
            tags={**event.tags, "atlas.sweep": event.sweep},
            note=event.note,
        )
        run = self._run(event.key, new)
        if run.closed:
            return
        values = _curve_values(event) + _values(event.scores, event.position) + setting_values(event.settings)
        self._log(run, LogBatch(at=ended, params=event.settings, values=values), curves=True)
        log_datasets(self._client, run.run_id, event.datasets)
        adapter = (RunArtifact(event.adapter, "adapter"),) if event.adapter else ()
        upload(self._client, run.run_id, (*adapter, *event.artifacts))
        self._close(run, event.status, ended)

    def _log_trial_step(self, event: TrialStep) -> None:
        run = self._trial(event)
        if any(link.key == event.step for link in run.links):
            return
        step = self._find(event.step)
        link = Link(
            key=event.step,
            name=step.name if step else "",
            run_id=step.run_id if step else None,
            tasks_seen=event.tasks_seen,
        )
        links = [*run.links, link]
        values = _values(event.metrics, event.tasks_seen)
        self._log(run, LogBatch(at=event.at, values=values, tags=self._step_tags(links, run.order)), curves=True)
        run.links = links

    def _finish_trial(self, event: TrialFinished) -> None:
        run = self._trial(event)
        if any(link.run_id is None for link in run.links):
            run.links = [self._resolved(link) for link in run.links]
            self._log(run, LogBatch(at=event.at, tags=self._step_tags(run.links, run.order)))
        self._log(run, LogBatch(at=event.at, values=_values(event.metrics, 0)))
        self._close(run, event.status, event.at)

    def _finish_sweep(self, event: SweepFinished) -> None:
        run = self._sweep(event.sweep, event.at)
        self._log(run, LogBatch(at=event.at, values=_values(event.metrics, 0)))
        upload(self._client, run.run_id, event.artifacts)
        self._close_abandoned(event.sweep, event.at)
        self._close(run, event.status, event.at)

    def _close_abandoned(self, sweep: str, at: int) -> None:
        """Close the sweep's trials that are still open: a killed search may forget those that it began."""
        left = f"tags.`atlas.kind` = 'trial' and tags.`atlas.sweep` = '{sweep}' and attributes.status = 'RUNNING'"
        for run in self._client.search_runs([self.experiment_id], left, max_results=PER_BATCH * PER_BATCH):
            self._client.set_terminated(run.info.run_id, "KILLED", end_time=at)

    def _sweep(self, sweep: str, at: int) -> KnownRun:
        return self._run(sweep_key(sweep), NewRun(kind="sweep", name=sweep, at=at))

    def _trial(
        self, event: TrialStarted | TrialStep | TrialFinished, tags: Mapping[str, str] | None = None
    ) -> KnownRun:
        key = trial_key(event.sweep, event.trial)
        if key in self._runs:
            return self._runs[key]
        parent = self._sweep(event.sweep, event.at).run_id
        tags = tags or {"atlas.sweep": event.sweep}
        name = tags.get("atlas.order") or f"trial {event.trial}"
        return self._run(key, NewRun(kind="trial", name=name, at=event.at, parent=parent, tags=tags))

    def _run(self, key: str, new: NewRun) -> KnownRun:
        """The run of `key`, created as `new` where there is none."""
        if key in self._runs:
            return self._runs[key]
        with creating(self._uri):
            if known := self._find(key):
                return known
            made = self._client.create_run(
                self.experiment_id, start_time=new.at, tags=new.all_tags(key), run_name=new.name
            )
        self._runs[key] = KnownRun(run_id=made.info.run_id, name=new.name)
        return self._runs[key]

    def _find(self, key: str) -> KnownRun | None:
        """The run of `key` where it exists; the oldest, should there be two."""
        if key in self._runs:
            return self._runs[key]
        found = self._client.search_runs(
            [self.experiment_id], key_filter(key), max_results=1, order_by=["attributes.start_time ASC"]
        )
        if not found:
            return None
        self._runs[key] = _remembered(found[0])
        return self._runs[key]

    def _log(self, run: KnownRun, batch: LogBatch, *, curves: bool = False) -> None:
        """Log a batch; what the run shows already is left out, curves apart: MLflow refuses to change a parameter."""
        shown = Shown(metrics={} if curves else run.latest, params=run.params)
        logged = log_batch(self._client, run.run_id, batch, shown)
        run.latest |= logged.metrics
        run.params |= logged.params

    def _open(self, run: KnownRun, at: int) -> None:
        """A resumed sweep or trial runs again; a start that arrives after its own end opens nothing."""
        if run.ended is not None and at >= run.ended:
            self._client.update_run(run.run_id, status="RUNNING")
            run.closed, run.ended = False, None

    def _close(self, run: KnownRun, status: TrialEnd, at: int) -> None:
        """Close a run. MLflow has no status of its own for a pruned trial."""
        status = "KILLED" if status == "PRUNED" else status
        self._client.set_terminated(run.run_id, status, end_time=at)
        run.closed, run.ended = status == "FINISHED", at

    def _step_tags(self, links: list[Link], order: str) -> dict[str, str]:
        return {STEPS_TAG: steps_tag(links), NOTE_TAG: steps_note(links, self.experiment_id, order)}

    def _resolved(self, link: Link) -> Link:
        step = self._find(link.key) if link.run_id is None else None
        return link.model_copy(update={"run_id": step.run_id, "name": step.name}) if step else link


def _remembered(run: Run) -> KnownRun:
    """A run that MLflow knew already, from an earlier life of this writer or from another sweep."""
    return KnownRun(
        run_id=run.info.run_id,
        closed=run.info.status == "FINISHED",
        ended=None if run.info.status == "RUNNING" else run.info.end_time or 0,
        links=parse_steps(run.data.tags.get(STEPS_TAG)),
        order=run.data.tags.get("atlas.order", ""),
        name=run.info.run_name or "",
        latest=dict(run.data.metrics),
        params=dict(run.data.params),
    )


def _curve_values(event: StepFinished) -> list[Value]:
    return [Value(metric, point.value, point.update) for metric, curve in event.curves.items() for point in curve]


def _values(metrics: Metrics, step: int) -> list[Value]:
    return [Value(name, value, step) for name, value in metrics.items()]


def _milliseconds(seconds: float | None, otherwise: int) -> int:
    return otherwise if seconds is None else int(seconds * 1000)
