"""The workers of a parallel test run (pytest-xdist): which tests stay together, and what all workers share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent
# Folders and files that begin first, the longest first; whatever else there is follows in its own order.
LONGEST = (
    "notebooks",
    "e2e/test_servers.py",
    "e2e/faults/test_soak.py",
    "e2e/faults",
    "e2e",
    "contracts/test_learner.py",
    "clusters",
    "docs",
    "contracts",
    "learners",
)


def parallel(config: pytest.Config) -> bool:
    """Whether this process is one of several workers."""
    return hasattr(config, "workerinput")


def arrange(items: list[pytest.Item]) -> None:
    """Put the longest groups first, so that no worker is left with one at the end, and name each test's group."""
    items.sort(key=_rank)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """The group of a test, which runs on one worker in its order: its file, or the sweep that several files look at.

    Cluster scripts start Ray on its own default ports, one cluster at a time.
    """
    if "ended" in getattr(item, "fixturenames", ()):
        return "ended"
    place = _place(item)
    return "clusters" if place.startswith("clusters") else place


def common_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all workers of this run share."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base  # as pytest-xdist names a worker's


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, filled by `make` in the first worker that asks; where that fails, nothing is left of it."""
    whole = folder.with_name(f"{folder.name}.whole")
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not whole.exists():
            folder.mkdir()
            try:
                make(folder)
            except BaseException:
                shutil.rmtree(folder)
                raise
            whole.touch()
    return folder


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix()


def _rank(item: pytest.Item) -> int:
    place = _place(item)
    return next((rank for rank, start in enumerate(LONGEST) if place.startswith(start)), len(LONGEST))
