"""The storage of a sweep over both orders of two tasks that has ended, with its steps and the data of its tasks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas.report import write_summary
from atlas.sweep.summary import FinishedSweep, summarise

SWEEP = "order-20260101-000000-abcd"


@pytest.fixture(scope="session")
def ended_storage(
    ended: FinishedSweep, data_root: Path, small_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The storage. Not to be altered."""
    storage = tmp_path_factory.mktemp("ended-storage")
    os.symlink(ended.inputs.store.root, storage / "store")
    os.symlink(data_root, storage / "data")
    summary = summarise(ended)
    facts = summary.sweep.model_copy(update={"id": SWEEP})
    settings = {**summary.settings, "backbone": str(small_folder)}
    write_summary(
        summary.model_copy(update={"sweep": facts, "settings": settings}), storage / "sweeps" / SWEEP / "summary.json"
    )
    return storage
