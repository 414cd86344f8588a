"""A sink that takes long to begin with is told of a sweep once more happens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import Event, SweepStarted, Tracker, TrialStarted


class Counting:
    """A sink that notes, with each event, how many were in the journal by then; `away` at first where asked for."""

    name, address, registry = "sink", "sink:", None

    def __init__(self, journal: Path, *, away: bool = False) -> None:
        self.journal, self.away, self.found = journal, away, list[int]()
        self.told = threading.Event()

    def check(self, timeout: float = 0.0) -> None:
        if self.away:
            raise AtlasError("away")

    def apply(self, event: Event) -> None:
        if self.away:
            raise ConnectionError("away")
        self.found.append(len(self.journal.read_text().splitlines()))
        self.told.set()

    def is_final(self, error: Exception, attempts: int) -> bool:
        return False

    def view(self, sweep: str) -> str:
        return self.address


SWEEP, TRIAL = SweepStarted(sweep="s1", name="a sweep", params={}), TrialStarted(sweep="s1", trial="t1", params={})


@pytest.mark.parametrize("asked", ["a second event", "a flush"])
def test_a_sink_that_rests_is_told_once_more_happens(tmp_path: Path, asked: str) -> None:
    sink = Counting(tmp_path / "events.jsonl")
    tracker = Tracker(sink, tmp_path, rest=1e6)
    tracker.record(SWEEP)
    assert not sink.told.wait(0.1)  # in which one that does not rest is told
    if asked == "a second event":
        tracker.record(TRIAL)
        assert sink.told.wait(60)
    assert tracker.close(60)
    assert sink.found == ([2, 2] if asked == "a second event" else [1])


def test_events_that_an_earlier_tracker_left_do_not_wait(tmp_path: Path) -> None:
    left = Tracker(Counting(tmp_path / "events.jsonl", away=True), tmp_path)
    left.record(SWEEP)
    assert not left.close(0.0)
    sink = Counting(tmp_path / "events.jsonl")
    tracker = Tracker(sink, tmp_path, rest=1e6)
    assert sink.told.wait(60)
    assert tracker.close(60)
