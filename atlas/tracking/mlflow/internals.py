"""Parts of MLflow that are not its public interface, gathered here; a test pins that this version has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from sqlalchemy.orm import Session

PARENT_TAG, NOTE_TAG = "mlflow.parentRunId", "mlflow.note.content"  # by which the UI nests runs and shows notes
CONTEXT_TAG = "mlflow.data.context"  # the use of a dataset: train
VIEW_TAG = "mlflow.sharedViewState."  # of an experiment, with a key: the JSON of a view that the UI shares
VIEW_QUERY = "workflowType=machine_learning&viewStateShareKey="  # opens it; without the type the UI shows GenAI's page
EXPERIMENT_TAG_CHARACTERS = 5000
OUTDATED = "out-of-date database schema"  # in the error of a database that another version of MLflow made
CHATTY_LOGGERS = ("alembic", "mlflow.store.db.utils")  # a line for each migration


def create_tables(database: Path) -> None:
    """Make MLflow's tables in a new SQLite database; not atomic."""
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import URL, create_engine

    engine = create_engine(URL.create("sqlite", database=str(database)))
    _initialize_tables(engine)
    engine.dispose()


@contextmanager
def requirements_unchecked() -> Iterator[None]:
    """Context in which MLflow compares no model's requirements with what is installed.

    Those of ours are names without versions, of packages that are imported anyway; to compare them MLflow looks at
    every installed file, two CPU seconds.
    """
    from mlflow.utils import environment

    warn = environment.warn_dependency_requirement_mismatches
    environment.warn_dependency_requirement_mismatches = lambda model_requirements: None
    try:
        yield
    finally:
        environment.warn_dependency_requirement_mismatches = warn


def artifact_repository(client: MlflowClient, address: str) -> ArtifactRepository:
    """The place of a run's artifacts by its address; the client by itself asks for all of the run to know it."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.utils.uri import add_databricks_profile_info_to_artifact_uri

    tracking_uri = client.tracking_uri
    address = add_databricks_profile_info_to_artifact_uri(address, tracking_uri)
    return get_artifact_repository(address, tracking_uri=tracking_uri)


@contextmanager
def one_transaction(client: MlflowClient) -> Iterator[None]:
    """Context in which this thread's calls to a client of a database are one transaction, committed at its end.

    By itself MLflow opens a session for each call, and more within it; each sets SQLite up by three statements, and
    waits for the disk when it is committed.

    Raises:
        MlflowException: a call fails, or rolls back in order to go on, as MLflow does where a part of what is logged is
            there already. Nothing was written then.
    """
    store: Any = client._tracking_client.store
    make = store.ManagedSessionMaker
    with make(read_only=False) as session:
        shared = _SharedSession(session=session, make=make, thread=threading.get_ident())
        session.commit, session.rollback = session.flush, _refuse_rollback
        store.ManagedSessionMaker = shared.opened
        try:
            yield
        finally:
            store.ManagedSessionMaker = make
            del session.commit, session.rollback


@dataclass
class _SharedSession:
    """The session that stands for all that a store's calls open on one thread; other threads have their own."""

    session: Session
    make: Callable[..., AbstractContextManager[Session]]
    thread: int
    depth: int = 0

    @contextmanager
    def opened(self, read_only: bool = True) -> Iterator[Session]:
        """A session as the store's own maker gives it."""
        if threading.get_ident() != self.thread:
            with self.make(read_only=read_only) as own:
                yield own
            return
        self.depth += 1
        yield self.session
        self.session.flush()
        self.depth -= 1
        if not self.depth:
            self.session.expunge_all()  # the next call reads what is there, as with a session of its own


def _refuse_rollback() -> None:
    raise RuntimeError("a call within a transaction was rolled back")
