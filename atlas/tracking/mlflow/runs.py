"""Reading runs back from MLflow: the sweep, trial or step of a run, by its tags, and the files logged with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.runtime.redact import redacted
from atlas.tracking.events import sweep_key
from atlas.tracking.mlflow.address import KEY_TAG, connect, database_file, key_filter

RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """A run that a sweep logged. kind: sweep, trial or step; key: its tag `atlas.key`; trial: "" of other kinds."""

    run_id: str
    experiment_id: str
    kind: str
    key: str
    sweep: str
    trial: str = ""


def is_run_id(name: str) -> bool:
    """Whether it has the form of MLflow's ids of runs."""
    return RUN_ID.fullmatch(name) is not None


def logged_run(tracking_uri: str, run_id: str) -> LoggedRun:
    """The run of that id. Raises UserError where there is none, or one that no sweep logged."""
    from mlflow.exceptions import MlflowException

    database = database_file(tracking_uri)
    if database is not None and not database.is_file():
        raise UserError(f"there is no database {database}; give --storage or --tracking-uri of the run.")
    try:
        run = connect(tracking_uri).get_run(run_id)
    except MlflowException as error:
        raise UserError(f"MLflow at {redacted(tracking_uri)} has no run {run_id!r} ({error.error_code}).") from error
    tags = run.data.tags
    kind, key = tags.get("atlas.kind", ""), tags.get(KEY_TAG, "")
    if kind not in ("sweep", "trial", "step"):
        raise UserError(f"the run {run_id} is none of a sweep, a trial or a step; give the id of one of those.")
    return LoggedRun(
        run_id=run_id,
        experiment_id=run.info.experiment_id,
        kind=kind,
        key=key,
        sweep=key.removeprefix(sweep_key("")) if kind == "sweep" else tags.get("atlas.sweep", ""),
        trial=tags.get("atlas.trial", ""),
    )


def sweep_run(tracking_uri: str, sweep: str) -> LoggedRun:
    """The run of the sweep of that id. Raises UserError where there is none."""
    client = connect(tracking_uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, key_filter(sweep_key(sweep)), max_results=1)
    if not found:
        raise UserError(
            f"MLflow at {redacted(tracking_uri)} does not know the sweep {sweep!r}; give its id as its run is named, "
            f"or the id of the run."
        )
    return logged_run(tracking_uri, found[0].info.run_id)


def fetch_of_sweep(tracking_uri: str, run: LoggedRun, artifact: str, folder: Path) -> Path:
    """An artifact of the sweep that `run` belongs to, in `folder`. Raises UserError where there is none."""
    client = connect(tracking_uri)
    found = client.search_runs([run.experiment_id], key_filter(sweep_key(run.sweep)), max_results=1)
    if not found:
        raise UserError(f"MLflow at {redacted(tracking_uri)} does not know the sweep {run.sweep!r} of this run.")
    try:
        return Path(client.download_artifacts(found[0].info.run_id, artifact, str(folder)))
    except Exception as error:  # what mlflow raises depends on where its artifacts are
        raise UserError(
            f"the sweep {run.sweep} has no {artifact} in MLflow ({type(error).__name__}): it has not ended, or its "
            f"artifacts are out of reach; give the --storage that it used."
        ) from error
