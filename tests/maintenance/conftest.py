"""A storage with a sweep that has ended, its steps really learnt on the small backbone."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from atlas.config.options import Options
from atlas.report import write_summary
from atlas.report.summary import document_of
from atlas.storage.store import Store
from atlas.sweep.summary import FinishedSweep, summarise
from tests.finished import TASKS
from tests.report.conftest import typed
from tests.small import World

SWEEP_ID = "order-20260101-000000-abcd"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A storage, its store, and the summary of the one sweep under it."""

    root: Path
    store: Store
    summary: dict[str, Any]
    world: World

    @property
    def sweep(self) -> Path:
        return self.root / "sweeps" / SWEEP_ID

    def write(self, **changed: Any) -> None:
        """Write the summary again, with its sweep's facts changed."""
        document = {**self.summary, "sweep": {**self.summary["sweep"], **changed}}
        write_summary(typed(document), self.sweep / "summary.json")


@pytest.fixture
def kept(ended: FinishedSweep, small_world: World, tmp_path: Path) -> Kept:
    """A copy of its own of the ended sweep's storage."""
    root = tmp_path / "storage"
    shutil.copytree(ended.inputs.store.root, root / "store")
    summary = document_of(summarise(replace(ended, sweep=ended.sweep.model_copy(update={"id": SWEEP_ID}))))
    made = Kept(root=root, store=Store.open(str(root / "store")), summary=summary, world=small_world)
    made.write()
    (made.sweep / "options.json").write_text(json.dumps(Options.of(tasks=TASKS).flat()))
    return made
