"""Pins the parts of MLflow that are not public: an update that changes one fails here first."""

from __future__ import annotations

import inspect
import sqlite3
from contextlib import closing
from pathlib import Path

from mlflow.store.db import utils
from mlflow.utils import mlflow_tags

from atlas.tracking.mlflow import internals


def test_the_tags_are_those_of_the_user_interface() -> None:
    assert internals.PARENT_TAG == mlflow_tags.MLFLOW_PARENT_RUN_ID
    assert internals.NOTE_TAG == mlflow_tags.MLFLOW_RUN_NOTE
    assert internals.CONTEXT_TAG == mlflow_tags.MLFLOW_DATASET_CONTEXT


def test_a_database_of_another_version_is_refused_with_these_words() -> None:
    assert internals.OUTDATED in inspect.getsource(utils)


def test_the_logger_of_migrations_is_there() -> None:
    assert utils._logger.name in internals.CHATTY_LOGGERS


def test_tables_are_made_in_a_new_database(tmp_path: Path) -> None:
    internals.create_tables(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        names = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    assert {"experiments", "runs", "alembic_version"} <= names


def test_a_models_requirements_are_compared_by_this_function_and_again_after_the_context() -> None:
    from mlflow.utils import environment

    before = environment.warn_dependency_requirement_mismatches
    source = inspect.getsource(environment._process_pip_requirements)
    assert "    warn_dependency_requirement_mismatches(sanitized_pip_reqs)" in source
    with internals.requirements_unchecked():
        assert environment.warn_dependency_requirement_mismatches is not before
        _, requirements, _ = environment._process_pip_requirements([], ["no-such-package"])
    assert requirements[-1] == "no-such-package"
    assert environment.warn_dependency_requirement_mismatches is before
