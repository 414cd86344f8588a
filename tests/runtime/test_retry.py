from __future__ import annotations

import errno
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from atlas.runtime import retry
from atlas.runtime.errors import AccessDenied, AtlasError, StorageUnavailable
from atlas.runtime.retry import WAIT_SECONDS, retry_while_away, retry_while_full


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes forward while somebody waits, and by no other means."""
    now = SimpleNamespace(seconds=0.0)

    def sleep(seconds: float) -> None:
        now.seconds += seconds

    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: now.seconds, sleep=sleep))
    return now


def failing(times: float, error: Exception) -> Callable[[], int]:
    """Something that fails so many times, then gives its number of calls."""
    calls = []

    def act() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return act


def full(times: float, number: int = errno.ENOSPC) -> Callable[[], int]:
    """A write that finds the disk full so many times."""
    return failing(times, OSError(number, "no room"))


def named(error: OSError) -> AtlasError:
    """The error as a place tells it."""
    try:
        raise AtlasError("s3://bucket/folder cannot be written") from error
    except AtlasError as told:
        return told


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_finds_no_room_is_done_again_until_there_is_some(clock: SimpleNamespace, number: int) -> None:
    assert retry_while_full(full(3, number), "the disk") == 4
    assert clock.seconds > 0


def test_a_disk_that_stays_full_is_an_error_in_the_end(clock: SimpleNamespace) -> None:
    with pytest.raises(StorageUnavailable, match="the disk has been full for 30 minutes .* Free some room and resume"):
        retry_while_full(full(float("inf")), "the disk")
    assert clock.seconds >= WAIT_SECONDS


def test_any_other_error_is_raised_at_once(clock: SimpleNamespace) -> None:
    with pytest.raises(PermissionError):
        retry_while_full(full(1, errno.EACCES), "the disk")
    assert clock.seconds == 0


UNREACHED = OSError("When listing objects: AWS Error NETWORK_CONNECTION: curlCode: 7, Could not connect to server")


@pytest.mark.parametrize(
    "error",
    [UNREACHED, OSError(errno.ESTALE, "stale"), TimeoutError(errno.ETIMEDOUT, "late"), named(UNREACHED)],
    ids=repr,
)
def test_a_store_that_does_not_answer_is_asked_again_until_it_does(
    clock: SimpleNamespace, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert retry_while_away(failing(3, error), "the store") == 4
    assert clock.seconds > 0
    (said,) = caplog.messages
    assert said == f"the store does not answer ({error}); waiting for it, and going on once it does"


def test_a_store_that_never_answers_is_an_error_in_the_end(clock: SimpleNamespace) -> None:
    with pytest.raises(
        StorageUnavailable, match="the store has not answered for 30 minutes .*NETWORK_CONNECTION.* and resume"
    ):
        retry_while_away(failing(float("inf"), UNREACHED), "the store")
    assert clock.seconds >= WAIT_SECONDS


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "gone"), PermissionError(errno.EACCES, "no"), AtlasError("no"), ValueError("no")],
    ids=repr,
)
def test_what_will_not_pass_is_raised_at_once(clock: SimpleNamespace, error: Exception) -> None:
    with pytest.raises(type(error)):
        retry_while_away(failing(1, error), "the store")
    assert clock.seconds == 0


@pytest.mark.parametrize(
    "error",
    [OSError("AWS Error ACCESS_DENIED during HeadObject operation: No response body"), PermissionError(13, "refused")],
    ids=repr,
)
def test_access_that_is_refused_is_told_at_once_with_what_to_do(clock: SimpleNamespace, error: Exception) -> None:
    with pytest.raises(AccessDenied) as told:
        retry_while_away(failing(1, error), "the store s3://bucket/folder")
    assert clock.seconds == 0
    said = str(told.value)
    assert said.startswith("the store s3://bucket/folder refuses access: ")
    assert "credentials" in said
    assert "permissions" in said
    assert "\n" not in said
