"""The workers of a parallel test run (pytest-xdist): which tests stay together, and what all workers share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent
# Folders and files that begin first, the longest first; whatever else there is follows in its own order. Of the very
# first, one alone needs the end-to-end tests' quiet sweep: nobody has to wait for it.
LONGEST = (
    "e2e/faults/test_interrupts.py",
    "e2e/test_paper.py",
    "contracts/test_learner.py",
    "notebooks",
    "e2e/faults/test_nodes.py",
    "e2e/test_reproduce.py",
    "e2e/test_bucket.py",
    "e2e/test_elastic.py",
    "e2e/test_servers.py",
    "e2e/faults",
    "e2e",
    "clusters",
    "docs",
    "contracts",
    "learners",
    "search",
)
TOGETHER = ("clusters/", "search/")  # folders whose files stay on one worker


def parallel(config: pytest.Config) -> bool:
    """Whether this process is one of several workers."""
    return hasattr(config, "workerinput")


def arrange(items: list[pytest.Item]) -> None:
    """Put the longest groups first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: _rank(place_of(item.nodeid)))


class Groups(LoadScopeScheduling):
    """Sends each group of tests to one worker.

    By the id of a test alone: marks of `xdist_group` reach no scheduler under pytest 9.2 (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """The group of a test, which runs on one worker in its order: its file, or the folder that shares what is dear.

    Cluster scripts start Ray on its own default ports, one cluster at a time; searches have one cluster for all.
    """
    place = place_of(nodeid)
    return next((folder for folder in TOGETHER if place.startswith(folder)), place)


def place_of(nodeid: str) -> str:
    """The file of a test, from the folder of all tests."""
    return nodeid.partition("::")[0].removeprefix(f"{ROOT.name}/")


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


def _rank(place: str) -> int:
    return next((rank for rank, start in enumerate(LONGEST) if place.startswith(start)), len(LONGEST))
