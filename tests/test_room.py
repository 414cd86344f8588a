from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest

from atlas import room
from atlas.errors import AtlasError
from atlas.room import WAIT_SECONDS, when_there_is_room


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes forward while somebody waits, and by no other means."""
    now = SimpleNamespace(seconds=0.0)

    def sleep(seconds: float) -> None:
        now.seconds += seconds

    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep))
    return now


def full(times: float, number: int = errno.ENOSPC) -> object:
    """A write that finds the disk full so many times, then gives its number of calls."""
    calls = []

    def write() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise OSError(number, "no room")
        return len(calls)

    return write


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_finds_no_room_is_done_again_until_there_is_some(clock: SimpleNamespace, number: int) -> None:
    assert when_there_is_room(full(3, number), "the disk") == 4  # type: ignore[arg-type]
    assert clock.seconds > 0


def test_a_disk_that_stays_full_is_an_error_in_the_end(clock: SimpleNamespace) -> None:
    with pytest.raises(AtlasError, match="the disk has been full for 30 minutes .* Free some room and resume"):
        when_there_is_room(full(float("inf")), "the disk")  # type: ignore[arg-type]
    assert clock.seconds >= WAIT_SECONDS


def test_any_other_error_is_raised_at_once(clock: SimpleNamespace) -> None:
    with pytest.raises(PermissionError):
        when_there_is_room(full(1, errno.EACCES), "the disk")  # type: ignore[arg-type]
    assert clock.seconds == 0
