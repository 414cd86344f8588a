"""Fixtures of tests that train: the shipped backbone, and one of two layers with random weights, on real data."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from atlas.runtime.imports import uncollected
from tests import registries, workers

settings.register_profile("atlas", deadline=None)  # a busy machine is no failure
settings.load_profile("atlas")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
# A million objects live as long as a process that has imported torch and collected the tests: at Python's thresholds
# (700, 10, 10), looking through them for cyclic garbage was an eighth of the time of tests that draw.
GARBAGE = (20_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    """Collect garbage rarely. A parallel worker computes with one thread, and so does whatever it starts."""
    gc.set_threshold(*GARBAGE)
    if workers.parallel(config):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collecting imports all that there is."""
    with uncollected():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> workers.Groups | None:
    """Parallel workers take whole groups."""
    return workers.Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whatever notes what its fault costs can be chosen by `-m loss`; parallel workers get the longest groups first."""
    for item in items:
        if "losses" in getattr(item, "fixturenames", ()):
            item.add_marker("loss")
    if workers.parallel(config):
        workers.arrange(items)


@pytest.fixture(autouse=True, scope="module")
def own_files_of_a_module() -> Iterator[None]:
    """Users' own learners and tasks that its fixtures load are unknown in the next module."""
    with registries.restored():
        yield


@pytest.fixture(autouse=True)
def own_files_of_a_test() -> Iterator[None]:
    """Users' own learners and tasks that a test loads are unknown in the next."""
    with registries.restored():
        yield


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the prepared data of all workers; `prepare` locks a task."""
    return workers.common_folder(tmp_path_factory) / "data"


@pytest.fixture(scope="session")
def world(data_root: Path):  # type: ignore[no-untyped-def]  # naming its type here would import torch for every test
    """The first records of four tasks, one of each form, on vilt-tiny."""
    from atlas.tasks import TASKS
    from tests.small import make_world

    return make_world(
        "vilt-tiny", data_root, [TASKS[name] for name in ("digits", "easy-vqa", "piqa-twin", "easy-pair")]
    )


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a ViLT of two layers with random weights."""
    from tests.small import write_small_vilt

    return write_small_vilt(tmp_path_factory.mktemp("small-vilt"))


@pytest.fixture(scope="session")
def small_world(small_folder: Path, data_root: Path):  # type: ignore[no-untyped-def]
    """The first records of three tasks, on the ViLT of two layers."""
    from atlas.tasks import TASKS
    from tests.small import make_world

    return make_world(small_folder, data_root, [TASKS[name] for name in ("digits", "easy-vqa", "piqa-twin")])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone's folder, as far as the processor reads it."""
    from tests.backbones.toys import write_folder

    return write_folder(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def processor(folder: Path):  # type: ignore[no-untyped-def]
    """A backbone's processor of images and texts."""
    from atlas.backbones.processor import Processor

    return Processor.load(folder)


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with MLflow's tables and nothing in them, to be copied: to make one takes seconds."""
    from atlas.tracking.mlflow.internals import create_tables

    made = workers.made_once(
        workers.common_folder(tmp_path_factory) / "mlflow-tables", lambda folder: create_tables(folder / "mlflow.db")
    )
    return made / "mlflow.db"


@pytest.fixture(scope="session")
def ended(small_world, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A sweep over both orders of two tasks that has ended. Not to be altered."""
    from tests.finished import finished_sweep

    return finished_sweep(small_world, tmp_path_factory.mktemp("ended"))


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    """An empty store."""
    from atlas.storage.store import Store

    return Store.open(str(tmp_path / "store"))


@pytest.fixture
def losses(record_property: Callable[[str, object], None], tmp_path: Path):  # type: ignore[no-untyped-def]
    """Notes what the test's faults cost, for `benchmarks/losses.py`."""
    from tests.losses import Losses

    noting = Losses(record_property, tmp_path)
    yield noting
    if noting.faults:
        noting.count()
    shutil.rmtree(noting.logs, ignore_errors=True)


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A storage of its own, named by the environment; no cluster is joined."""
    monkeypatch.setenv("ATLAS_STORAGE", str(tmp_path / "storage"))
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "storage"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A real S3-compatible server on the loopback; address and credentials are in this process's environment."""
    from tests.servers import object_store

    with object_store(tmp_path_factory.mktemp("objects")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setenv("ATLAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield server


@pytest.fixture
def bucket(s3) -> str:  # type: ignore[no-untyped-def]
    """The s3:// address of an empty bucket."""
    return str(s3.bucket(f"test-{secrets.token_hex(6)}"))


@pytest.fixture(scope="session")
def postgres():  # type: ignore[no-untyped-def]
    """A real PostgreSQL on the loopback, with an empty database."""
    from tests.servers import database

    with database() as server:
        yield server
