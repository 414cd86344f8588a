"""Tracking events: one type for each kind of thing that happens in a sweep.

    SweepStarted → (TrialStarted → TrialStep* → TrialFinished | StepFinished)* → SweepFinished

Trials run side by side. A step is recorded before a trial that takes it, unless it could not be read then.

An event names the run that it belongs to by its `key`. Applying an event twice changes nothing.
`event_lines` writes events as lines of JSON and reads them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

Status = Literal["FINISHED", "FAILED", "KILLED"]
TrialEnd = Literal["FINISHED", "PRUNED", "FAILED", "KILLED"]
CURVE_POINTS = 100


class CurvePoint(NamedTuple):
    """A point of a curve: the number of the update, and the value (None where it is undefined)."""

    update: int
    value: float | None


class RunArtifact(NamedTuple):
    """A local file or folder to keep with a run, and the folder among the run's artifacts that it goes to."""

    path: str
    folder: str = ""


Curve = tuple[CurvePoint, ...]


def thin(points: Curve, most: int = CURVE_POINTS) -> Curve:
    """At most `most` points of a curve, evenly spread; the first and the last are kept."""
    if len(points) <= most:
        return tuple(points)
    chosen = sorted({round(index * (len(points) - 1) / (most - 1)) for index in range(most)})
    return tuple(points[index] for index in chosen)


def sweep_key(sweep_id: str) -> str:
    """The key of a sweep's run."""
    return f"sweep/{sweep_id}"


def trial_key(sweep_id: str, trial_id: str) -> str:
    """The key of a trial's run."""
    return f"trial/{sweep_id}/{trial_id}"


def _plain_json(value: object) -> object:
    """A copy of `value` as JSON has it (tuples become lists). Raises ValueError for values that JSON cannot hold."""
    try:
        return json.loads(json.dumps(value))
    except TypeError as error:
        raise ValueError(f"not plain JSON: {error}") from error


def _thin_curves(curves: Mapping[str, Curve]) -> Mapping[str, Curve]:
    return {name: thin(points) for name, points in curves.items()}


Settings = Annotated[Mapping[str, JsonValue], BeforeValidator(_plain_json)]
"""Parameters of a run, nested or flat."""

Metrics = Mapping[str, float | None]
"""Name → value; an undefined one is None and is not logged."""

Curves = Annotated[Mapping[str, Curve], AfterValidator(_thin_curves)]


def _now() -> int:
    return int(time.time() * 1000)


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    at: int = Field(default_factory=_now)
    """When it happened, in milliseconds since 1970."""


class _SweepEvent(_Event):
    sweep: str

    @property
    def key(self) -> str:
        """The key of the sweep's run."""
        return sweep_key(self.sweep)


class _TrialEvent(_Event):
    sweep: str
    trial: str

    @property
    def key(self) -> str:
        """The key of the trial's run."""
        return trial_key(self.sweep, self.trial)


class SweepStarted(_SweepEvent):
    """A sweep began, or goes on after an interruption."""

    kind: Literal["sweep_started"] = "sweep_started"
    name: str
    params: Settings
    tags: Mapping[str, str] = {}
    note: str = ""


class TrialStarted(_TrialEvent):
    """A trial began, or goes on. `params["order"]`, a list of tasks, names its run, else its settings do.

    Numbers among `params`, those of nested objects apart, also become metrics `setting/…`.
    """

    kind: Literal["trial_started"] = "trial_started"
    params: Settings


class Dataset(BaseModel):
    """A prepared dataset: `fingerprint` becomes MLflow's digest (cut at 36 characters), `source` its JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    fingerprint: str
    source: Settings = {}
    source_type: str = "atlas"
    context: str = "train"


class StepFinished(_Event):
    """A step is in the store; logged once, however many trials and sweeps use it.

    key: the step's key in the store. name: the name of its run. sweep: the sweep that trained it, its parent.
    settings: parameters. tags: short strings to filter by (task, stage,
    seed, …). curves: at most 100 points each. scores: metric → value, such as `test/latest/vqa`. position: the index
    of the task in its order, the step number of the scores. adapter: a local folder, uploaded as `adapter/`; scope:
    that of the store in which the step is. started, ended: seconds since 1970.
    """

    kind: Literal["step_finished"] = "step_finished"
    key: str
    name: str = ""
    sweep: str = ""
    settings: Settings = {}
    tags: Mapping[str, str] = {}
    note: str = ""
    curves: Curves = {}
    scores: Metrics = {}
    position: int = 0
    datasets: tuple[Dataset, ...] = ()
    adapter: str = ""
    scope: str = ""
    artifacts: tuple[RunArtifact, ...] = ()
    started: float | None = None
    ended: float | None = None
    status: Status = "FINISHED"


class TrialStep(_TrialEvent):
    """A trial has taken the step of the key `step`; `metrics` are its figures after `tasks_seen` tasks."""

    kind: Literal["trial_step"] = "trial_step"
    step: str
    tasks_seen: int
    metrics: Metrics = {}


class TrialFinished(_TrialEvent):
    """A trial ended: by itself, stopped early (PRUNED), by an error, or with its sweep (KILLED); `reason` says by what.

    A later run of the sweep may go on with one that was killed. `infeasible`: the constraint that it misses.
    """

    kind: Literal["trial_finished"] = "trial_finished"
    status: TrialEnd
    metrics: Metrics = {}
    reason: str = ""
    infeasible: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The end in words, as a sink without a status for it tags the run, and the constraint that was missed."""
        ended = f"{self.status.lower()}: {self.reason}" if self.reason else self.status.lower()
        return {"atlas.ended": ended, **({"atlas.infeasible": self.infeasible} if self.infeasible else {})}


class SweepFinished(_SweepEvent):
    """A sweep ended; `artifacts` are the files that it leaves (summary, page, figures).

    trials: figures of its trials, by their ids, that are known once all have ended.
    """

    kind: Literal["sweep_finished"] = "sweep_finished"
    status: Status
    metrics: Metrics = {}
    artifacts: tuple[RunArtifact, ...] = ()
    trials: Mapping[str, Metrics] = {}


Event = SweepStarted | TrialStarted | StepFinished | TrialStep | TrialFinished | SweepFinished

EVENTS: Mapping[str, type[Event]] = {
    "sweep_started": SweepStarted,
    "trial_started": TrialStarted,
    "step_finished": StepFinished,
    "trial_step": TrialStep,
    "trial_finished": TrialFinished,
    "sweep_finished": SweepFinished,
}
