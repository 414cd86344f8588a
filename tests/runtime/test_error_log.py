from __future__ import annotations

import pytest

from atlas.runtime.error_log import ErrorLog, ErrorRow
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


def test_of_a_row_of_errors_the_first_is_logged_and_the_last_noted(caplog: pytest.LogCaptureFixture) -> None:
    row = ErrorRow("saving")
    for number in (1, 2):
        with row.noted():
            raise OSError(f"http://me:hunter2@host is away {number}")
        assert row.notes == (f"saving fails: http://***@host is away {number}",)
    with row.noted():
        pass
    assert (row.notes, row.error) == ((), None)
    with row.noted():
        raise AtlasError("away again.")
    logged = [record.message for record in caplog.records]
    assert logged == ["saving fails: http://***@host is away 1; trying again", "saving fails: away again; trying again"]
