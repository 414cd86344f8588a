"""A full disk, for real: a file system of a few megabytes, mounted for the test, and filled.

Where mounting is not allowed the tests are skipped, and say so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atlas.storage.store import Store
from atlas.tracking import Tracker, open_sink
from atlas.tracking.events import Event, TrialStarted
from atlas.tracking.spool import Spool
from tests import disks
from tests.disks import fill
from tests.losses import Losses
from tests.ports import lasting_port
from tests.small import World, contents

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    with disks.small_disk(tmp_path / "disk") as folder:
        yield folder


def empty(ballast: Path) -> float:
    """Free the disk; gives when (monotonic seconds)."""
    ballast.unlink()
    return time.monotonic()


@contextmanager
def at_the_warning(act: Callable[[], None]) -> Iterator[list[str]]:
    """Act once it is said that the disk is full; gives what was said."""
    said: list[str] = []

    class Acting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            act()

    log, handler = logging.getLogger("atlas.runtime.retry"), Acting()
    log.addHandler(handler)
    yield said
    log.removeHandler(handler)


def test_a_step_learnt_for_a_full_store_is_committed_once_there_is_room_and_not_learnt_again(
    small_disk: Path, tmp_path: Path, small_world: World, losses: Losses
) -> None:
    (step,) = small_world.walk("digits")
    quiet, store = Store.open(str(tmp_path / "quiet")), Store.open(str(small_disk / "store"))
    small_world.learn([step], quiet)
    ballast = fill(small_disk)
    freed: list[float] = []
    with at_the_warning(lambda: freed.append(empty(ballast))) as said:
        small_world.learn([step], store)
    waited = time.monotonic() - freed[0]
    assert said == [f"the store {store.uri} is full; waiting for room, and going on once there is some"]
    assert contents(store, step) == contents(quiet, step)
    assert store.verify(step.key)
    left = [path for path in (small_disk / "store" / "steps").rglob("*") if path.is_dir()]
    assert len([path for path in left if path.parent.name == step.key]) == 1  # no half of the attempt that failed
    losses.note("store's disk full, then freed", begun=1, lost=0, from_room_to_the_commit=waited)


def test_what_mlflow_is_told_on_a_full_disk_waits_for_room_and_is_written_once(
    small_disk: Path, losses: Losses
) -> None:
    tracker = Tracker(open_sink(f"http://127.0.0.1:{lasting_port()}", "full"), small_disk / "spool")
    told = [f"t{number}" for number in range(200)]
    note = {"note": "x" * 3000}
    ballast = fill(small_disk)
    freed: list[float] = []
    with at_the_warning(lambda: freed.append(empty(ballast))) as said:
        for trial in told:
            tracker.record(TrialStarted(sweep="s", trial=trial, params=note))
    waited = time.monotonic() - freed[0]
    assert len(said) == 1
    tracker.close(0.0)
    spool = Spool(small_disk / "spool")
    found: list[Event] = []
    while (waiting := spool.peek()) is not None:
        found.append(waiting[0])
        spool.acknowledge(waiting[1])
    spool.close()
    started = [event for event in found if isinstance(event, TrialStarted)]
    assert [event.trial for event in started] == told
    assert len(found) == len(told)
    assert all(event.params == note for event in started)
    losses.note("journal's disk full, then freed", begun=0, lost=0, from_room_until_all_was_written=waited)
