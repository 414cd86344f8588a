"""The one writer: applies events to MLflow through its client; applying an event again changes nothing.

    sweep run ─┬─ trial runs   (tag `atlas.steps`: names and run ids of the steps walked)
               └─ step runs    (children of the sweep that trained them first)

A run is found again by its tag `atlas.key`: the store's key of a step, `sweep/<id>`, `trial/<sweep>/<id>`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.tracking.address import KEY_TAG, connect, creating, initialise, key_filter
from atlas.tracking.events import Event, flat, is_number, sweep_key, trial_key
from atlas.tracking.notes import Link, fitted_note, parse_steps, plain, steps_note, steps_tag, text

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

PARENT_TAG, NOTE_TAG, STEPS_TAG = "mlflow.parentRunId", "mlflow.note.content", "atlas.steps"
PER_BATCH, METRICS_PER_BATCH, DIGEST_CHARACTERS = 100, 1000, 36
Points = list[tuple[str, float, int]]  # metric name, value, step


@dataclass(kw_only=True)
class Known:
    """What the writer remembers of a run: enough to apply the next event without asking MLflow."""

    run_id: str
    closed: bool = False
    links: list[Link] = field(default_factory=list)
    order: str = ""
    name: str = ""
    latest: dict[str, float] = field(default_factory=dict)


class Writer:
    """Applies events in order. Not thread-safe; raises what mlflow raises."""

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._uri, self._experiment = tracking_uri, experiment
        self._client = connect(tracking_uri)
        self.experiment_id = initialise(tracking_uri, experiment)
        self._runs: dict[str, Known] = {}

    def forget(self) -> None:
        """Ask MLflow anew for every run: for a server that came back with another database."""
        self._runs.clear()
        self.experiment_id = initialise(self._uri, self._experiment)

    def apply(self, event: Event) -> None:
        """Make MLflow show the event."""
        verbs: dict[str, Callable[[Event], None]] = {
            "sweep_started": self._start_sweep,
            "trial_started": self._start_trial,
            "step_finished": self._log_step,
            "trial_step": self._log_trial_step,
            "trial_finished": self._finish_trial,
            "sweep_finished": self._finish_sweep,
        }
        verbs[event.kind](event)

    def _start_sweep(self, event: Event) -> None:
        body = event.body
        run = self._sweep(body["sweep"], event.at, name=body["name"], tags=body["tags"], note=body["note"])
        self._open(run)
        self._log(run, event.at, params=body["params"], points=_setting_points(body["params"]))

    def _start_trial(self, event: Event) -> None:
        sweep, params = event.body["sweep"], event.body["params"]
        order = text(params.get("order", ""))
        tags = {"atlas.sweep": sweep, "atlas.trial": event.body["trial"], "atlas.order": order}
        run = self._trial(event, tags)
        run.order = order
        self._open(run)
        self._log(run, event.at, params=params, points=_setting_points(params))

    def _log_step(self, event: Event) -> None:
        """A journal that another machine wrote names adapters that lie there alone: such a step is left for the sweep
        that goes on, which tells every step anew."""
        facts = event.body["facts"]
        if facts.get("adapter") and not Path(facts["adapter"]).is_dir():
            log.warning("the step %s is not logged yet: its adapter is not at %s", event.key, facts["adapter"])
            return
        started, ended = (_milliseconds(facts.get(name), event.at) for name in ("started", "ended"))
        parent = self._sweep(facts["sweep"], started).run_id if facts.get("sweep") else None
        name = facts.get("name") or event.key[:12]
        tags = {**facts.get("tags", {}), "atlas.sweep": facts.get("sweep", "")}
        run = self._run(event.key, "step", name, started, parent, tags, facts.get("note", ""))
        if run.closed:
            return
        settings = facts.get("settings", {})
        points = [
            (metric, point[1], int(point[0])) for metric, curve in facts.get("curves", {}).items() for point in curve
        ]
        points += [(metric, value, facts.get("position", 0)) for metric, value in facts.get("scores", {}).items()]
        self._log(run, ended, params=settings, points=points + _setting_points(settings), curves=True)
        self._log_datasets(run, facts.get("datasets", ()))
        folders = [(facts["adapter"], "adapter")] if facts.get("adapter") else []
        self._upload(run, [*folders, *facts.get("artifacts", ())])
        self._close(run, facts.get("status", "FINISHED"), ended)

    def _log_trial_step(self, event: Event) -> None:
        body, run = event.body, self._trial(event)
        if any(link["key"] == body["step"] for link in run.links):
            return
        step = self._find(body["step"])
        link = Link(
            key=body["step"],
            name=step.name if step else "",
            run_id=step.run_id if step else None,
            tasks_seen=body["tasks_seen"],
        )
        links = [*run.links, link]
        points = [(name, value, body["tasks_seen"]) for name, value in body["metrics"].items()]
        self._log(run, event.at, points=points, tags=self._step_tags(links, run.order), curves=True)
        run.links = links

    def _finish_trial(self, event: Event) -> None:
        run = self._trial(event)
        if any(link["run_id"] is None for link in run.links):
            run.links = [self._resolved(link) for link in run.links]
            self._log(run, event.at, tags=self._step_tags(run.links, run.order))
        self._log(run, event.at, points=[(name, value, 0) for name, value in event.body["metrics"].items()])
        self._close(run, event.body["status"], event.at)

    def _finish_sweep(self, event: Event) -> None:
        body = event.body
        run = self._sweep(body["sweep"], event.at)
        self._log(run, event.at, points=[(name, value, 0) for name, value in body["metrics"].items()])
        self._upload(run, body["artifacts"])
        self._close_left(body["sweep"], event.at)
        self._close(run, body["status"], event.at)

    def _close_left(self, sweep: str, at: int) -> None:
        """Close the trials of the sweep that nobody will go on with: a killed search may forget those that it began."""
        left = f"tags.`atlas.kind` = 'trial' and tags.`atlas.sweep` = '{sweep}' and attributes.status = 'RUNNING'"
        for run in self._client.search_runs([self.experiment_id], left, max_results=PER_BATCH * PER_BATCH):
            self._client.set_terminated(run.info.run_id, "KILLED", end_time=at)

    def _sweep(
        self, sweep: str, at: int, *, name: str = "", tags: Mapping[str, str] | None = None, note: str = ""
    ) -> Known:
        return self._run(sweep_key(sweep), "sweep", name or sweep, at, None, tags or {}, note)

    def _trial(self, event: Event, tags: Mapping[str, str] | None = None) -> Known:
        sweep, trial = event.body["sweep"], event.body["trial"]
        key = trial_key(sweep, trial)
        if key in self._runs:
            return self._runs[key]
        parent = self._sweep(sweep, event.at).run_id
        name = (tags or {}).get("atlas.order") or f"trial {trial}"
        return self._run(key, "trial", name, event.at, parent, tags or {"atlas.sweep": sweep}, "")

    def _run(
        self, key: str, kind: str, name: str, at: int, parent: str | None, tags: Mapping[str, str], note: str
    ) -> Known:
        """The run of `key`, created where there is none."""
        if key in self._runs:
            return self._runs[key]
        with creating(self._uri):
            if known := self._find(key):
                return known
            all_tags = {**tags, KEY_TAG: key, "atlas.kind": kind}
            all_tags |= {PARENT_TAG: parent} if parent else {}
            all_tags |= {NOTE_TAG: fitted_note(note)} if note else {}
            made = self._client.create_run(self.experiment_id, start_time=at, tags=all_tags, run_name=name)
        self._runs[key] = Known(run_id=made.info.run_id, name=name)
        return self._runs[key]

    def _find(self, key: str) -> Known | None:
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

    def _log(
        self,
        run: Known,
        at: int,
        *,
        params: Mapping[str, Any] | None = None,
        points: Points | None = None,
        tags: Mapping[str, str] | None = None,
        curves: bool = False,
    ) -> None:
        """Everything in as few requests as MLflow allows.

        Single values that the run shows already are left out. Curves are logged as they are: MLflow drops a point
        with the same time, step and value, and the time is the event's own.
        """
        from mlflow.entities import Metric, Param, RunTag

        shown = {} if curves else run.latest
        kept = [(plain(n), float(v), s) for n, v, s in points or [] if is_number(v)]
        metrics = [Metric(name, value, at, step) for name, value, step in kept if shown.get(name) != value]
        listed = [Param(plain(name), text(value)) for name, value in flat(params or {})]
        tagged = [RunTag(name, value) for name, value in (tags or {}).items()]
        first = (metrics[: METRICS_PER_BATCH - 2 * PER_BATCH], listed[:PER_BATCH], tagged)
        if any(first):
            self._client.log_batch(run.run_id, metrics=first[0], params=first[1], tags=first[2])
        for start in range(len(first[0]), len(metrics), METRICS_PER_BATCH):
            self._client.log_batch(run.run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
        for start in range(PER_BATCH, len(listed), PER_BATCH):
            self._client.log_batch(run.run_id, params=listed[start : start + PER_BATCH])
        run.latest.update({name: value for name, value, _ in kept})

    def _log_datasets(self, run: Known, datasets: Iterable[Mapping[str, Any]]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=item["name"],
                    digest=item["fingerprint"][:DIGEST_CHARACTERS],
                    source_type=item.get("source_type", "atlas"),
                    source=json.dumps(item.get("source", {}), sort_keys=True),
                ),
                [InputTag("mlflow.data.context", item.get("context", "train"))],
            )
            for item in datasets
        ]
        if inputs:
            self._client.log_inputs(run.run_id, inputs)

    def _upload(self, run: Known, artifacts: Iterable[Sequence[str]]) -> None:
        """Upload files and folders; one that is gone is named in the log and left out."""
        for path, folder in artifacts:
            if Path(path).is_dir():
                self._client.log_artifacts(run.run_id, path, folder or None)
            elif Path(path).is_file():
                self._client.log_artifact(run.run_id, path, folder or None)
            else:
                log.warning("artifact %s of run %s is gone and was not uploaded", path, run.run_id)

    def _open(self, run: Known) -> None:
        """A resumed sweep or trial runs again."""
        if run.closed:
            self._client.update_run(run.run_id, status="RUNNING")
            run.closed = False

    def _close(self, run: Known, status: str, at: int) -> None:
        self._client.set_terminated(run.run_id, status, end_time=at)
        run.closed = status == "FINISHED"

    def _step_tags(self, links: list[Link], order: str) -> dict[str, str]:
        return {STEPS_TAG: steps_tag(links), NOTE_TAG: steps_note(links, self.experiment_id, order)}

    def _resolved(self, link: Link) -> Link:
        step = self._find(link["key"]) if link["run_id"] is None else None
        return Link(**{**link, "run_id": step.run_id, "name": step.name}) if step else link


def _remembered(run: Run) -> Known:
    """A run that MLflow knew already, from an earlier life of this writer or from another sweep."""
    return Known(
        run_id=run.info.run_id,
        closed=run.info.status == "FINISHED",
        links=parse_steps(run.data.tags.get(STEPS_TAG)),
        order=run.data.tags.get("atlas.order", ""),
        name=run.info.run_name or "",
        latest=dict(run.data.metrics),
    )


def _setting_points(settings: Mapping[str, Any]) -> Points:
    """Numeric settings as metrics: parameters are strings, by which runs cannot be sorted or filtered."""
    return [(f"setting/{name}", value, 0) for name, value in flat(settings) if is_number(value)]


def _milliseconds(seconds: float | None, otherwise: int) -> int:
    return otherwise if seconds is None else int(seconds * 1000)
