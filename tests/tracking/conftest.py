from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import StepFinished, Tracker, default_tracking_uri, initialise, open_sink
from tests.forks import Forks, forks_with
from tests.tracking.walks import finished_step


@pytest.fixture(scope="session")
def initialised(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite database for the session; tests use experiments of their own."""
    uri = default_tracking_uri(Path(shutil.copy(mlflow_tables, tmp_path_factory.mktemp("mlflow"))).parent)
    initialise(uri, "first")
    return uri


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes that have imported what writes to MLflow."""
    with forks_with("mlflow.tracking.client", "atlas.tracking.mlflow.writer", "tests.tracking.walks") as made:
        yield made


@pytest.fixture
def open_tracker(initialised: str, tmp_path: Path) -> Iterator[Callable[..., Tracker]]:
    """Opens trackers over one journal, and closes them."""
    opened: list[Tracker] = []

    def build(uri: str = initialised, spool: str = "spool") -> Tracker:
        opened.append(Tracker(open_sink(uri, tmp_path.name), tmp_path / spool))
        return opened[-1]

    yield build
    for tracker in opened:
        if tracker.is_open:
            tracker.close(timeout=0.0)


@pytest.fixture
def step(tmp_path: Path) -> Callable[..., StepFinished]:
    """Makes the event of a finished step as a sweep records it, adapter folder included."""
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"w" * 1000)

    def build(key: str, **other: Any) -> StepFinished:
        return finished_step(key, **{"adapter": str(adapter), **other})

    return build
