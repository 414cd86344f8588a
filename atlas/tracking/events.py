"""The vocabulary of the journal: what may happen to a sweep, as plain JSON.

    sweep_started → trial_started → (step_finished | trial_step)* → trial_finished → sweep_finished

Each event names the run that it belongs to by a key; applying an event twice changes nothing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict, get_args

from atlas.runtime.errors import AtlasError, unknown

Kind = Literal["sweep_started", "trial_started", "step_finished", "trial_step", "trial_finished", "sweep_finished"]
Status = Literal["FINISHED", "FAILED", "KILLED"]
CURVE_POINTS = 100


class DatasetFacts(TypedDict, total=False):
    """A prepared dataset: `fingerprint` becomes MLflow's digest (cut at 36 characters), `source` its JSON."""

    name: str
    fingerprint: str
    source: Mapping[str, Any]
    source_type: str
    context: str


class StepFacts(TypedDict, total=False):
    """What a step's run shows. Every field may be left out.

    name: the run's name. sweep: the sweep that trained it (its parent). settings: parameters, nested or flat;
    numbers also become `setting/…` metrics. tags: short strings to filter by (task, learner, stage, seed, …).
    curves: metric name → [[step, value], …]. scores: metric name → value, such as `test/latest/vqa`.
    position: the index of the task in its order, the step number of the scores. adapter: a local folder,
    uploaded as `adapter/`. artifacts: [[local path, artifact folder], …]. started, ended: seconds since 1970.
    """

    name: str
    sweep: str
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    note: str
    curves: Mapping[str, Sequence[Sequence[float]]]
    scores: Mapping[str, float | None]
    position: int
    datasets: Sequence[DatasetFacts]
    adapter: str
    artifacts: Sequence[Sequence[str]]
    started: float
    ended: float
    status: Status


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened; `key` names the run, `at` is milliseconds since 1970."""

    kind: Kind
    key: str
    at: int = field(default_factory=lambda: int(time.time() * 1000))
    body: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> bytes:
        """One line of JSON. Raises AtlasError for what JSON cannot hold."""
        try:
            return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise AtlasError(f"the {self.kind} of {self.key} is not plain JSON: {error}.") from error


def parse(line: bytes) -> Event:
    """The event of a journal's line. Raises AtlasError where it is none."""
    try:
        fields = json.loads(line)
        event = Event(kind=fields["kind"], key=fields["key"], at=int(fields["at"]), body=fields["body"])
    except (KeyError, TypeError, ValueError) as error:
        raise AtlasError(f"{line[:80]!r} is not a line of a tracking journal: {error}.") from error
    if event.kind not in get_args(Kind):
        raise unknown("kind of event", event.kind, get_args(Kind))
    return event


def sweep_key(sweep_id: str) -> str:
    return f"sweep/{sweep_id}"


def trial_key(sweep_id: str, trial_id: str) -> str:
    return f"trial/{sweep_id}/{trial_id}"


def checked_status(status: str) -> str:
    """`status` where MLflow closes runs with it; raises AtlasError otherwise."""
    if status not in get_args(Status):
        raise unknown("status", status, get_args(Status))
    return status


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every leaf of nested settings; dataclasses and lists are leaves."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def is_number(value: Any) -> bool:
    """A finite int or float that is not a bool: what a metric can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def thin(points: Sequence[Sequence[float]], most: int = CURVE_POINTS) -> list[list[float]]:
    """At most `most` points of a curve, evenly spread, the first and the last kept."""
    if len(points) <= most:
        return [list(point) for point in points]
    chosen = sorted({round(index * (len(points) - 1) / (most - 1)) for index in range(most)})
    return [list(points[index]) for index in chosen]
