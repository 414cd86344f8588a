"""The runs of an experiment by their keys: found again or created, logged to, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.tracking.events import TrialEnd
from atlas.tracking.mlflow.address import KEY_TAG, connect, creation_lock, database_file, initialise, key_filter
from atlas.tracking.mlflow.batches import PER_BATCH, LogBatch, Shown, log_batch
from atlas.tracking.mlflow.internals import NOTE_TAG, PARENT_TAG, one_transaction
from atlas.tracking.mlflow.notes import Link, fitted_note, parse_steps

if TYPE_CHECKING:
    from mlflow.entities import Run

STEPS_TAG, KIND_TAG, SWEEP_TAG, ORDER_TAG = "atlas.steps", "atlas.kind", "atlas.sweep", "atlas.order"


@dataclass(kw_only=True)
class KnownRun:
    """A run as it is remembered: enough to apply the next event without asking MLflow.

    artifacts: the address of its artifacts. ended: when it was closed, in milliseconds since 1970; None while it runs.
    """

    run_id: str
    artifacts: str
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
            KIND_TAG: self.kind,
            **({PARENT_TAG: self.parent} if self.parent else {}),
            **({NOTE_TAG: fitted_note(self.note)} if self.note else {}),
        }


class KnownRuns:
    """The runs of one experiment. Not thread-safe; raises what mlflow raises."""

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._uri, self._experiment = tracking_uri, experiment
        self.client = connect(tracking_uri)
        self.experiment_id = initialise(tracking_uri, experiment)
        self._runs: dict[str, KnownRun] = {}
        self._creating = creation_lock(tracking_uri)

    @property
    def has_transactions(self) -> bool:
        """Whether MLflow's client writes a database itself that no server does."""
        return database_file(self._uri) is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context in which all is written at once, at its end; where there `has_transactions`, else call by call.

        Where it raises nothing was written, and what is remembered of it has to be forgotten.
        """
        if not self.has_transactions:
            yield
            return
        with self._creating, one_transaction(self.client):
            yield

    def forget(self) -> None:
        """Ask MLflow anew for every run: for a server that came back with another database."""
        self._runs.clear()
        self.experiment_id = initialise(self._uri, self._experiment)

    def named(self, key: str, new: NewRun) -> KnownRun:
        """The run of `key`, created as `new` where there is none."""
        if key in self._runs:
            return self._runs[key]
        with self._creating:
            if known := self.find(key):
                return known
            made = self.client.create_run(
                self.experiment_id, start_time=new.at, tags=new.all_tags(key), run_name=new.name
            )
        self._runs[key] = KnownRun(run_id=made.info.run_id, artifacts=made.info.artifact_uri, name=new.name)
        return self._runs[key]

    def find(self, key: str) -> KnownRun | None:
        """The run of `key` where it exists; the oldest, should there be two."""
        if key in self._runs:
            return self._runs[key]
        found = self.client.search_runs(
            [self.experiment_id], key_filter(key), max_results=1, order_by=["attributes.start_time ASC"]
        )
        if not found:
            return None
        self._runs[key] = _remembered(found[0])
        return self._runs[key]

    def log(self, run: KnownRun, batch: LogBatch, *, curves: bool = False) -> None:
        """Log a batch; what the run shows already is left out, curves apart: MLflow refuses to change a parameter."""
        shown = Shown(metrics={} if curves else run.latest, params=run.params)
        logged = log_batch(self.client, run.run_id, batch, shown)
        run.latest |= logged.metrics
        run.params |= logged.params

    def open(self, run: KnownRun, at: int) -> None:
        """A resumed sweep or trial runs again; a start that arrives after its own end opens nothing."""
        if run.ended is not None and at >= run.ended:
            self.client.update_run(run.run_id, status="RUNNING")
            run.closed, run.ended = False, None

    def close(self, run: KnownRun, status: TrialEnd, at: int) -> None:
        """Close a run. MLflow has no status of its own for a pruned trial."""
        status = "KILLED" if status == "PRUNED" else status
        self.client.set_terminated(run.run_id, status, end_time=at)
        run.closed, run.ended = status == "FINISHED", at

    def close_abandoned(self, sweep: str, at: int) -> None:
        """Close the sweep's trials that are still open: a killed search may forget those that it began."""
        left = f"tags.`{KIND_TAG}` = 'trial' and tags.`{SWEEP_TAG}` = '{sweep}' and attributes.status = 'RUNNING'"
        for run in self.client.search_runs([self.experiment_id], left, max_results=PER_BATCH * PER_BATCH):
            self.client.set_terminated(run.info.run_id, "KILLED", end_time=at)

    def tag(self, name: str) -> str:
        """A tag of the experiment; empty where it has none of that name."""
        return str(self.client.get_experiment(self.experiment_id).tags.get(name, ""))

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag of the experiment."""
        self.client.set_experiment_tag(self.experiment_id, name, value)


def _remembered(run: Run) -> KnownRun:
    """A run that MLflow knew already, from an earlier life of this writer or from another sweep."""
    return KnownRun(
        run_id=run.info.run_id,
        artifacts=run.info.artifact_uri,
        closed=run.info.status == "FINISHED",
        ended=None if run.info.status == "RUNNING" else run.info.end_time or 0,
        links=parse_steps(run.data.tags.get(STEPS_TAG)),
        order=run.data.tags.get(ORDER_TAG, ""),
        name=run.info.run_name or "",
        latest=dict(run.data.metrics),
        params=dict(run.data.params),
    )
