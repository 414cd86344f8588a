"""A tracker whose journal or sink breaks: its thread goes on, and says why the journal is not replayed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime import retry
from atlas.runtime.errors import AtlasError, UserError
from atlas.tracking import Event, SweepStarted, Tracker
from atlas.tracking.spool import Spool

EVENTS = [SweepStarted(sweep=f"s{number}", name="a sweep", params={}) for number in range(3)]
KEYS = [event.key for event in EVENTS]


class Sink:
    """Keeps the events, apart from those of `refuses`. `asked` counts the questions whether an error is final."""

    name, address, registry = "sink", "sink:", None

    def __init__(self, *, refuses: str = "") -> None:
        self.taken: list[str] = []
        self.refuses = refuses
        self.asked = 0

    def check(self, timeout: float = 0.0) -> None:
        pass

    def apply(self, event: Event) -> None:
        if event.key == self.refuses:
            raise UserError(f"no {event.key}")
        self.taken.append(event.key)

    def is_final(self, error: Exception, attempts: int) -> bool:
        self.asked += 1
        return True

    def view(self, sweep: str) -> str:
        return self.address


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for delay in ("FIRST_DELAY", "LONGEST_DELAY", "STALL_SECONDS"):
        monkeypatch.setattr(f"atlas.tracking.tracker.{delay}", 0.01)
    monkeypatch.setattr(retry, "POLL_SECONDS", 0.01)


@pytest.fixture
def track(tmp_path: Path) -> Iterator[Callable[[Sink], Tracker]]:
    """Opens a tracker with that sink, and closes it."""
    opened: list[Tracker] = []

    def build(sink: Sink) -> Tracker:
        opened.append(Tracker(sink, tmp_path / "spool"))
        return opened[-1]

    yield build
    for tracker in opened:
        tracker.close(timeout=0.0)


def fail(monkeypatch: pytest.MonkeyPatch, owner: type, method: str, error: Exception, times: float = 1) -> list[int]:
    """Let the first so many calls of the method raise, from now on; the list grows by each that does."""
    done, raised = getattr(owner, method), []

    def failing(*given: Any, **named: Any) -> Any:
        if len(raised) < times:
            raised.append(1)
            raise error
        return done(*given, **named)

    monkeypatch.setattr(owner, method, failing)
    return raised


@pytest.mark.parametrize(("method", "code"), [("peek", errno.EIO), ("acknowledge", errno.ESTALE)])
def test_a_journal_that_is_out_of_reach_for_a_moment_is_replayed_and_each_event_comes_once(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch, method: str, code: int
) -> None:
    sink = Sink()
    tracker = track(sink)
    raised = fail(monkeypatch, Spool, method, OSError(code, os.strerror(code)), times=3)
    for event in EVENTS:
        tracker.record(event)
    assert tracker.flush(30)
    assert len(raised) == 3
    assert sink.taken == KEYS
    assert (tracker.trouble, tracker.problems) == ("", [])


def test_a_journal_that_stays_out_of_reach_is_told_as_the_reason(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tracker = track(Sink())
    fail(monkeypatch, Spool, "acknowledge", OSError(errno.EIO, "Input/output error"), times=float("inf"))
    tracker.record(EVENTS[0])
    assert not tracker.flush(0.2)
    assert tracker.trouble == (
        f"sink at sink: cannot be told what is in {tmp_path / 'spool'} ([Errno 5] Input/output error)"
    )


def test_a_refused_event_that_cannot_be_kept_beside_the_journal_keeps_no_other_from_the_sink(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(refuses=KEYS[1])
    tracker = track(sink)
    fail(monkeypatch, Spool, "refuse", PermissionError(errno.EACCES, "Permission denied"), times=float("inf"))
    for event in EVENTS:
        tracker.record(event)
    assert tracker.flush(30)
    assert sink.taken == [KEYS[0], KEYS[2]]
    assert tracker.problems == [f"sweep_started of {KEYS[1]}: no {KEYS[1]}"]


def test_an_event_is_refused_once_though_acknowledging_it_fails(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tracker = track(Sink(refuses=KEYS[0]))
    fail(monkeypatch, Spool, "acknowledge", OSError(errno.EIO, "Input/output error"), times=2)
    tracker.record(EVENTS[0])
    assert tracker.flush(30)
    assert len(tracker.problems) == 1
    assert len((tmp_path / "spool" / "refused.jsonl").read_text().splitlines()) == 1


def test_a_sink_that_cannot_say_whether_its_error_is_final_is_asked_again(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(refuses=KEYS[0])
    tracker = track(sink)
    fail(monkeypatch, Sink, "is_final", ImportError("no such driver"))
    for event in EVENTS:
        tracker.record(event)
    assert tracker.flush(30)
    assert sink.asked == 1
    assert sink.taken == KEYS[1:]


def test_an_event_waits_for_a_journal_out_of_reach_and_is_written_whole_after_what_could_not_be_cut(
    track: Callable[[Sink], Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink()
    tracker = track(sink)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        patch.setattr(os, "ftruncate", broken)
        patch.setattr(retry, "WAIT_SECONDS", 0.0)
        with pytest.raises(AtlasError, match="has not answered"):
            tracker.record(EVENTS[0])
    assert tracker.problems[0].startswith(f"sweep_started of {KEYS[0]} is not in the journal: the disk of")
    fail(monkeypatch, os, "fsync", OSError(errno.ESTALE, "Stale file handle"), times=2)  # type: ignore[arg-type]
    tracker.record(EVENTS[1])
    assert tracker.flush(30)
    assert sink.taken == [KEYS[1]]
    assert len(tracker.problems) == 1


def test_a_tracker_that_is_closed_twice_says_twice_what_its_sink_has(track: Callable[[Sink], Tracker]) -> None:
    """A sweep closes it at its end, and again where an error ends the process thereafter."""
    tracker = track(Sink())
    tracker.record(EVENTS[0])
    assert tracker.close(30)
    assert tracker.close(30)


def broken(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")
