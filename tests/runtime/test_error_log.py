from __future__ import annotations

import pytest

from atlas.runtime.error_log import ErrorLog
from atlas.runtime.errors import AtlasError


def test_an_error_is_a_line_without_passwords_and_the_rest_runs(caplog: pytest.LogCaptureFixture) -> None:
    errors, ran = ErrorLog(), []
    with errors.noted("drawing"):
        raise OSError("http://me:hunter2@host is away\nfor long")
    with errors.noted("counting"):
        ran.append(1)
    with errors.noted("closing"):
        raise RuntimeError
    assert errors.lines == ["drawing: http://***@host is away", "closing: RuntimeError"]
    assert ran == [1]
    assert "Traceback" in caplog.text


def test_an_error_meant_for_people_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with ErrorLog().noted("uploading"):
        raise AtlasError("the store is away; bring it back")
    assert "uploading: the store is away" in caplog.text
    assert "Traceback" not in caplog.text


def test_an_interrupt_passes() -> None:
    errors = ErrorLog()
    with pytest.raises(KeyboardInterrupt), errors.noted("waiting"):
        raise KeyboardInterrupt
    assert errors.lines == []
