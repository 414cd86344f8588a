"""Fixtures of the end-to-end tests: the project run as its users run it, in processes of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver import Chrome

from tests.e2e.commands import LAST, LONG, LONG_SWEEP, PRINTED, SMALL, lines_in, run
from tests.e2e.processes import sweeps_in_background
from tests.e2e.storages import committed, copy_of
from tests.workers import common_folder, made_once

if TYPE_CHECKING:
    from tests.e2e.cluster import Cluster


@pytest.fixture
def background() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a sweep in the background; what is left of it at the end of the test is ended, by its own id."""
    with sweeps_in_background() as start:
        yield start


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One without any node; those that the test starts are ended."""
    from tests.e2e.cluster import Cluster

    made = Cluster(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one undisturbed sweep over both orders of two tasks. All workers look at it: not to be altered."""
    return made_once(common_folder(tmp_path_factory) / "quiet", lambda storage: run(*SMALL, storage=storage))


@pytest.fixture(scope="session")
def quiet_long(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one undisturbed sweep whose last step is long enough to be cut off. Not to be altered.

    Its events went to lines of JSON, and not to MLflow.
    """

    def sweep(storage: Path) -> None:
        shutil.copytree(quiet / "data", storage / "data")
        done = run(*LONG, "--fleets", "1", *lines_in(storage), storage=storage, sweep=LONG_SWEEP)
        (storage / PRINTED).write_text(done.stdout)

    return made_once(common_folder(tmp_path_factory) / "quiet-long", sweep)


@pytest.fixture
def without_last(quiet_long: Path, mlflow_tables: Path, tmp_path: Path) -> Path:
    """A storage with all that the long sweep has learnt but its last step, and that sweep's data."""
    storage = copy_of(quiet_long, tmp_path / "storage", "data", "store")
    shutil.copy(mlflow_tables, storage)
    (last,) = (key for key, marker in committed(storage).items() if marker["facts"]["title"] == LAST)
    shutil.rmtree(storage / "store" / "steps" / last[:2] / last)
    return storage


@pytest.fixture
def prepared(quiet: Path, mlflow_tables: Path, tmp_path: Path) -> Path:
    """A storage with the prepared data of the quiet one and an empty MLflow database, and nothing else."""
    storage = copy_of(quiet, tmp_path / "storage", "data")
    shutil.copy(mlflow_tables, storage)
    return storage


@pytest.fixture
def learnt(quiet: Path, prepared: Path) -> Path:
    """The same with all steps of the quiet one."""
    return copy_of(quiet, prepared, "store")


@pytest.fixture
def half_learnt(learnt: Path) -> Path:
    """The same without the steps that come after another task."""
    for key, marker in committed(learnt).items():
        if " after " in marker["facts"]["title"]:
            shutil.rmtree(learnt / "store" / "steps" / key[:2] / key)
    return learnt


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One headless Chromium for the tests of a file that look at pages: one that is open computes."""
    from tests.e2e.browser import open_browser

    opened = open_browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.quit()
