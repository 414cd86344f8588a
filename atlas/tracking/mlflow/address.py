"""MLflow's addresses: checking one quickly, connecting, and initialising it once before anything is written."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sqlite3
import urllib.parse
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from atlas.runtime.errors import InfrastructureError, UserError
from atlas.runtime.imports import uncollected
from atlas.runtime.os_errors import error_from
from atlas.runtime.redact import redacted
from atlas.tracking.mlflow.access import without_user
from atlas.tracking.mlflow.internals import CHATTY_LOGGERS, create_tables
from atlas.tracking.mlflow.relocation import ARTIFACTS, artifact_address, relocate
from atlas.tracking.sink import ANSWER_SECONDS

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY_TAG = "atlas.key"
SQLITE = "sqlite:///"
SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
ALLOWED = "Give http(s)://host:port of an MLflow server, or sqlite:////absolute/path/mlflow.db."


def default_tracking_uri(folder: Path) -> str:
    """The SQLite database `mlflow.db` in `folder`; its artifacts lie beside it."""
    return database_uri(Path(folder).expanduser().resolve() / "mlflow.db")


def database_uri(database: Path) -> str:
    """The address of an SQLite file, whatever is in its path; `database_file` is the inverse."""
    return SQLITE + str(database).replace("%", "%25").replace("?", "%3F")  # all that SQLAlchemy reads otherwise


def database_file(tracking_uri: str) -> Path | None:
    """The file of an SQLite address; None for any other."""
    if not tracking_uri.startswith(SQLITE):
        return None
    return Path(urllib.parse.unquote(tracking_uri.removeprefix(SQLITE).partition("?")[0]))


def scheme_of(tracking_uri: str) -> str:
    """The scheme of an address, without a driver's name (`postgresql+psycopg2`)."""
    return tracking_uri.partition(":")[0].partition("+")[0]


def check_address(tracking_uri: str, timeout: float = ANSWER_SECONDS) -> None:
    """Raises AtlasError within `timeout` seconds where runs cannot be logged at this address.

    A server must answer, an SQLite file must be (or become) a writable database. Imports no mlflow.
    """
    scheme = scheme_of(tracking_uri)
    if scheme in ("http", "https"):
        _check_server(tracking_uri, timeout)
    elif (database := database_file(tracking_uri)) is not None:
        _check_sqlite(database, timeout)
    elif scheme in ("postgresql", "mysql", "mssql"):
        _check_port(tracking_uri, timeout)
    elif scheme != "databricks":
        raise UserError(f"runs cannot be logged to {redacted(tracking_uri)!r}. {ALLOWED}")


def initialise(tracking_uri: str, experiment: str) -> str:
    """The id of `experiment`, created where missing; an SQLite database is set up first, by one process only.

    The artifacts of an SQLite database lie beside it in `mlartifacts/`. A deleted experiment is restored.
    """
    client = connect(tracking_uri)
    database = database_file(tracking_uri)
    if database is None:
        return _experiment_id(client, experiment, None)
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        return _experiment_id(client, experiment, database.parent / ARTIFACTS)


def connect(tracking_uri: str) -> MlflowClient:
    """A client that gives up in seconds, with no run of its own. The artifacts of an SQLite file are where it is now.

    `MLFLOW_RUN_ID` would win over every run named here, so it is taken out of this process's environment.

    Raises:
        UserError: the address is not one of MLflow's, so that runs cannot be looked up there.
    """
    if scheme_of(tracking_uri) not in SCHEMES:
        raise UserError(f"runs cannot be looked up in {redacted(tracking_uri)!r}: it is not MLflow's. {ALLOWED}")
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with uncollected():
        from mlflow import MlflowClient

    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    database = database_file(tracking_uri)
    if database is None:
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        _set_up(database)
        relocate(database)
        return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _set_up(database: Path) -> None:
    """Make a new database, whole or not at all; to be called by one process at a time.

    MLflow would make it in place, in dozens of migrations. Killed between two of them it leaves a file that it then
    refuses for good.
    """
    if database.exists() and database.stat().st_size > 0:
        return
    for half in database.parent.glob(f".{database.name}.half-*"):
        half.unlink()
    half = database.parent / f".{database.name}.half-{uuid.uuid4().hex}"
    create_tables(half)
    os.replace(half, database)


def find_step_runs(tracking_uri: str, experiment: str, keys: Iterable[str]) -> dict[str, str]:
    """Key → run id of those steps of `keys` that were logged in `experiment`."""
    client = connect(tracking_uri)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return {}
    found = ((key, client.search_runs([known.experiment_id], key_filter(key), max_results=1)) for key in keys)
    return {key: runs[0].info.run_id for key, runs in found if runs}


def key_filter(key: str) -> str:
    """The search that finds the run of `key`."""
    if "'" in key:
        raise UserError(f"the name {key!r} must not contain a quote.")
    return f"tags.`{KEY_TAG}` = '{key}'"


def creation_lock(tracking_uri: str) -> contextlib.AbstractContextManager[object]:
    """The lock of looking for a run and creating it: two trackers on one SQLite file never double a step.

    One that holds it may enter it again. No lock, of no SQLite file.
    """
    database = database_file(tracking_uri)
    return contextlib.nullcontext() if database is None else FileLock(f"{database}.create.lock")


def _experiment_id(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is not None and known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    if known is not None:
        return str(known.experiment_id)
    location = artifact_address(artifacts / urllib.parse.quote(name, safe="")) if artifacts else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another tracker was first
            raise
        return _experiment_id(client, name, artifacts)


def _check_server(tracking_uri: str, timeout: float) -> None:
    import urllib.error
    import urllib.request

    uri = without_user(tracking_uri)
    try:
        with urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=timeout) as answer:
            answer.read(16)
    except urllib.error.HTTPError as error:
        if error.code == 403 and b"host" in error.read(400).lower():
            raise UserError(
                f"the MLflow server {uri} refuses this name for it: start it with --allowed-hosts."
            ) from error
        if error.code >= 500:
            raise InfrastructureError(f"the MLflow server {uri} answers with error {error.code}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InfrastructureError(
            f"the MLflow server {uri} does not answer within {timeout:g} s ({reason}). Start it, or {ALLOWED}"
        ) from error


def _check_sqlite(database: Path, timeout: float) -> None:
    if not database.is_absolute():
        raise UserError(f"the database {str(database)!r} must be an absolute path (sqlite:////...). {ALLOWED}")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        probe = database.parent / f".probe-{uuid.uuid4().hex}"
        try:
            probe.write_bytes(b"probe")
        finally:
            probe.unlink(missing_ok=True)
        if database.exists():
            with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=timeout)) as file:
                file.execute("BEGIN IMMEDIATE")  # fails where another process keeps the database locked
                file.rollback()
            if not os.access(database, os.W_OK):
                raise PermissionError(f"{database} is read-only")
    except (OSError, sqlite3.Error) as error:
        raise error_from(error, f"the database {database} cannot be used: {error}. {ALLOWED}") from error


def _check_port(uri: str, timeout: float) -> None:
    parts = urllib.parse.urlsplit(uri)
    port = parts.port or (5432 if parts.scheme.startswith("postgresql") else 3306)
    try:
        socket.create_connection((parts.hostname or "localhost", port), timeout).close()
    except OSError as error:
        raise InfrastructureError(f"the database at {parts.hostname}:{port} does not answer: {error}.") from error
