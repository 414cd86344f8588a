"""Parts of MLflow that are not its public interface, gathered here; a test pins that this version has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
