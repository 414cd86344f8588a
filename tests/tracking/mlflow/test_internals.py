"""Pins the parts of MLflow that are not public: an update that changes one fails here first."""

from __future__ import annotations

import inspect
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils
from mlflow.utils import mlflow_tags

from atlas.tracking.mlflow import internals
from atlas.tracking.mlflow.address import connect


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


@pytest.fixture
def client(initialised: str) -> MlflowClient:
    return connect(initialised)


@pytest.fixture
def experiment(client: MlflowClient, tmp_path: Path) -> str:
    return str(client.create_experiment(tmp_path.name))


def seen(client: MlflowClient, experiment: str) -> dict[str, dict[str, float]]:
    """The experiment's runs and their metrics, as another thread sees them."""
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(client.search_runs, [experiment]).result()
    return {run.info.run_id: run.data.metrics for run in found}


def test_calls_in_a_transaction_see_each_other_and_other_threads_see_them_at_its_end(
    client: MlflowClient, experiment: str
) -> None:
    with internals.one_transaction(client):
        run = client.create_run(experiment).info.run_id
        client.log_batch(run, metrics=[Metric("loss", 1.0, 0, 0)], params=[Param("rank", "4")])
        client.log_batch(run, metrics=[Metric("loss", 2.0, 0, 1)], tags=[RunTag("who", "me")])
        assert client.get_run(run).data.metrics == {"loss": 2.0}
        assert seen(client, experiment) == {}
    assert seen(client, experiment) == {run: {"loss": 2.0}}
    assert [point.value for point in client.get_metric_history(run, "loss")] == [1.0, 2.0]


def test_a_transaction_that_fails_writes_nothing_and_the_next_call_is_on_its_own(
    client: MlflowClient, experiment: str
) -> None:
    def fail() -> None:
        with internals.one_transaction(client):
            client.create_run(experiment)
            raise ConnectionError("gone")

    with pytest.raises(MlflowException, match="gone"):
        fail()
    run = client.create_run(experiment).info.run_id
    assert set(seen(client, experiment)) == {run}


def test_a_point_that_is_there_already_fails_a_transaction_instead_of_undoing_what_came_before(
    client: MlflowClient, experiment: str
) -> None:
    run = client.create_run(experiment).info.run_id
    point = Metric("loss", 1.0, 0, 0)
    client.log_batch(run, metrics=[point])
    again = [point, Metric("loss", 2.0, 0, 1)]

    def log() -> None:
        with internals.one_transaction(client):
            client.set_tag(run, "who", "me")
            client.log_batch(run, metrics=again)

    with pytest.raises(MlflowException, match="rolled back"):
        log()
    assert "who" not in client.get_run(run).data.tags
    client.log_batch(run, metrics=again)
    assert len(client.get_metric_history(run, "loss")) == 2


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
