"""Tracking: a sweep's events in a journal on disk, replayed to a sink; none is lost and none doubled.

    sweep → Tracker (journal: Spool) → Sink → MLflow, or lines of JSON

To add a sink: write a class of the protocol `Sink` in one file, and add its scheme to `SINKS`. Importing this package
does not import mlflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from atlas.runtime.errors import UserError
from atlas.runtime.redact import redacted
from atlas.tracking import json_lines
from atlas.tracking.events import (
    CurvePoint,
    Dataset,
    Event,
    RunArtifact,
    StepFinished,
    SweepFinished,
    SweepStarted,
    TrialEnd,
    TrialFinished,
    TrialStarted,
    TrialStep,
)
from atlas.tracking.json_lines import JsonLinesSink
from atlas.tracking.mlflow import address as mlflow_address
from atlas.tracking.mlflow.access import check_access, credentials, signed_in
from atlas.tracking.mlflow.address import default_tracking_uri, find_step_runs, initialise
from atlas.tracking.mlflow.control_tag import ControlTag
from atlas.tracking.mlflow.runs import LoggedRun, fetch_of_sweep, is_run_id, logged_run, sweep_run
from atlas.tracking.mlflow.server import Server, free_port, run_url, server_command, ui_command
from atlas.tracking.mlflow.sink import MlflowSink
from atlas.tracking.sink import ANSWER_SECONDS, Sink
from atlas.tracking.spool import is_settled, read_events
from atlas.tracking.tracker import Tracker

__all__ = [
    "EXPERIMENT",
    "SINKS",
    "RunArtifact",
    "ControlTag",
    "Dataset",
    "Event",
    "LoggedRun",
    "CurvePoint",
    "Server",
    "Sink",
    "StepFinished",
    "SweepFinished",
    "SweepStarted",
    "Tracker",
    "TrialEnd",
    "TrialFinished",
    "TrialStarted",
    "TrialStep",
    "check_access",
    "check_tracking",
    "credentials",
    "default_tracking_uri",
    "fetch_of_sweep",
    "find_step_runs",
    "free_port",
    "initialise",
    "is_run_id",
    "is_settled",
    "logged_run",
    "open_sink",
    "read_events",
    "run_url",
    "server_command",
    "signed_in",
    "sweep_run",
    "ui_command",
]

EXPERIMENT = "atlas"

SINKS: Mapping[str, Callable[[str, str], Sink]] = {  # scheme of an address → sink of (address, experiment)
    **dict.fromkeys(mlflow_address.SCHEMES, MlflowSink),
    "jsonl": JsonLinesSink,
}


def open_sink(tracking_uri: str, experiment: str = EXPERIMENT) -> Sink:
    """The sink of an address, by its scheme (a driver's name after `+` counts for nothing). Opens no connection.

    Raises:
        UserError: no sink has this scheme.
    """
    scheme = tracking_uri.partition(":")[0].partition("+")[0]
    if scheme not in SINKS:
        allowed = f"{mlflow_address.ALLOWED} {json_lines.ALLOWED}"
        raise UserError(f"runs cannot be logged to {redacted(tracking_uri)!r}. {allowed}")
    return SINKS[scheme](tracking_uri, experiment)


def check_tracking(tracking_uri: str, timeout: float = ANSWER_SECONDS) -> None:
    """Raises AtlasError within about `timeout` seconds where runs cannot be logged at this address."""
    open_sink(tracking_uri).check(timeout)
