"""A writer of an experiment of its own, and what is there then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.writer import Writer


@pytest.fixture
def writer(initialised: str, tmp_path: Path) -> Writer:
    return Writer(initialised, tmp_path.name)


@pytest.fixture
def runs(initialised: str, writer: Writer) -> Callable[[], dict[str, Any]]:
    """Every run of the experiment by its key; fails where two have one key."""

    def read() -> dict[str, Any]:
        found = connect(initialised).search_runs([writer.experiment_id])
        by_key = {run.data.tags["atlas.key"]: run for run in found}
        assert len(by_key) == len(found)
        return by_key

    return read
