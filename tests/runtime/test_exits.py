from __future__ import annotations

import errno

import pytest

from atlas.runtime.errors import AccessDenied, StorageUnavailable, UserError
from atlas.runtime.exits import exits_by_errors


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no such thing"), 2, "atlas: no such thing"),
        (AccessDenied("not yours"), 2, "atlas: not yours"),
        (StorageUnavailable("away"), 3, "atlas: away"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), 2, "atlas: access is refused: [Errno 13] Perm"),
        (OSError("AWS Error ACCESS_DENIED during ListObjectsV2 operation"), 2, "atlas: access is refused: AWS Error"),
    ],
)
def test_an_error_for_people_is_one_line_and_an_exit_code(
    error: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, exits_by_errors():
        raise error
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == code
    assert line.startswith(said)


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), OSError(errno.EIO, "Input/output error")])
def test_another_error_is_raised(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error.args[-1])), exits_by_errors():
        raise error
