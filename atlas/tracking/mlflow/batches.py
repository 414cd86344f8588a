"""Logging to a run in as few requests as MLflow allows: metrics, parameters, tags, datasets and files."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from atlas.tracking.events import Dataset, RunArtifact, Settings
from atlas.tracking.mlflow.internals import CONTEXT_TAG, artifact_repository
from atlas.tracking.mlflow.notes import plain, suggested, text

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

log = logging.getLogger(__name__)

PER_BATCH, METRICS_PER_BATCH, DIGEST_CHARACTERS = 100, 1000, 36


class Value(NamedTuple):
    """A metric's value at a step number; None, NaN and infinities are not logged."""

    metric: str
    value: float | None
    step: int


@dataclass(frozen=True, kw_only=True)
class LogBatch:
    """Values, parameters and tags to log to a run at the time `at` (milliseconds since 1970)."""

    at: int
    values: Iterable[Value] = ()
    params: Settings = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def metrics(self) -> list[Metric]:
        """The finite values as MLflow takes them."""
        from mlflow.entities import Metric

        return [
            Metric(plain(name), float(value), self.at, step)
            for name, value, step in self.values
            if value is not None and is_number(value)
        ]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a run shows: the latest value of each metric, and its parameters."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


def log_batch(client: MlflowClient, run_id: str, batch: LogBatch, shown: Shown) -> Shown:
    """Log a batch; returns what it shows. Metrics whose value is shown already are left out, and all shown parameters.

    Curves are logged with no metric shown: MLflow drops a point with the same time, step and value, and the time is the
    event's own.
    """
    from mlflow.entities import Param, RunTag

    every = batch.metrics()
    metrics = [metric for metric in every if shown.metrics.get(metric.key) != metric.value]
    told = {plain(name): text(value) for name, value in flat(batch.params)}
    new = {name: value for name, value in told.items() if name not in shown.params}
    params = [Param(name, value) for name, value in new.items()]
    tags = [RunTag(name, value) for name, value in batch.tags.items()]
    first = metrics[: METRICS_PER_BATCH - 2 * PER_BATCH]
    if first or params or tags:
        client.log_batch(run_id, metrics=first, params=params[:PER_BATCH], tags=tags)
    for start in range(len(first), len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
    for start in range(PER_BATCH, len(params), PER_BATCH):
        client.log_batch(run_id, params=params[start : start + PER_BATCH])
    return Shown(metrics={metric.key: metric.value for metric in every}, params=new)


def log_datasets(client: MlflowClient, run_id: str, datasets: Iterable[Dataset]) -> None:
    """Log the datasets as inputs of the run."""
    from mlflow import entities

    inputs = [
        entities.DatasetInput(
            entities.Dataset(
                name=item.name,
                digest=item.fingerprint[:DIGEST_CHARACTERS],
                source_type=item.source_type,
                source=json.dumps(item.source, sort_keys=True),
            ),
            [entities.InputTag(CONTEXT_TAG, item.context)],
        )
        for item in datasets
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def upload(client: MlflowClient, address: str, artifacts: Iterable[RunArtifact]) -> None:
    """Upload files and folders to the address of a run's artifacts; a missing one is named in the log and left out."""
    for path, folder in artifacts:
        if Path(path).is_dir():
            artifact_repository(client, address).log_artifacts(path, folder or None)
        elif Path(path).is_file():
            artifact_repository(client, address).log_artifact(path, folder or None)
        else:
            log.warning("artifact %s is gone and was not uploaded to %s", path, address)


def setting_values(params: Settings) -> list[Value]:
    """The numbers among a trial's suggested settings as metrics: parameters are strings, by which runs sort as text.

    What all trials have alike stays a parameter alone.
    """
    return [
        Value(f"setting/{name}", value, 0)
        for name, value in suggested(params).items()
        if isinstance(value, int | float) and is_number(value)
    ]


def flat(settings: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    """(dotted name, value) of every leaf of nested settings; lists and empty objects are leaves."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def is_number(value: JsonValue) -> bool:
    """A finite int or float that is not a bool: the values that a metric can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
