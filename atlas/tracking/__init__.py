"""One writer to MLflow: a journal on disk, replayed by key; nothing is lost and nothing doubled.

Importing this package does not import mlflow. `Tracker` is what a sweep talks to.
"""

from __future__ import annotations

from atlas.tracking.access import check_access, credentials, signed_in
from atlas.tracking.address import check_tracking, default_tracking_uri, find_step_runs, initialise
from atlas.tracking.events import Event, StepFacts
from atlas.tracking.runs import LoggedRun, fetch_of_sweep, is_run_id, logged_run, sweep_run
from atlas.tracking.server import Server, free_port, run_url, server_command, ui_command
from atlas.tracking.spool import is_settled, read_events
from atlas.tracking.tracker import Tracker

__all__ = [
    "Event",
    "LoggedRun",
    "Server",
    "StepFacts",
    "Tracker",
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
    "read_events",
    "run_url",
    "server_command",
    "signed_in",
    "sweep_run",
    "ui_command",
]
