from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from atlas.cluster.actor_calls import log_failure


def test_the_error_of_a_call_that_is_not_waited_for_is_logged_without_passwords(
    caplog: pytest.LogCaptureFixture,
) -> None:
    future: Future[None] = Future()
    log_failure(SimpleNamespace(future=lambda: future), "recording the sweep's end")  # type: ignore[arg-type]
    future.set_exception(OSError("http://me:hunter2@host is away"))
    assert "recording the sweep's end failed: http://***@host is away" in caplog.text


def test_a_call_that_succeeds_or_is_cancelled_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    good: Future[None] = Future()
    cancelled: Future[None] = Future()
    for future in (good, cancelled):
        log_failure(SimpleNamespace(future=lambda future=future: future), "a call")  # type: ignore[arg-type]
    good.set_result(None)
    cancelled.cancel()
    assert caplog.text == ""
