"""A password in a tracking address reaches MLflow and nothing else: no file, no log, no line that is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Guarded, summaries

pytestmark = pytest.mark.slow


def holding(secret: str, folder: Path) -> list[str]:
    """The files below `folder` that hold `secret`."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def test_a_password_in_the_tracking_address_is_written_nowhere(guarded: Guarded) -> None:
    folder, logs = guarded.left
    assert list(logs.rglob("raylet.out"))
    assert (folder / "mlflow.db").exists()
    assert list(guarded.storage.rglob("tuner.pkl"))
    assert holding(guarded.secret, folder) + holding(guarded.secret, logs) == []
    assert guarded.secret not in guarded.printed


def test_the_server_is_named_without_it(guarded: Guarded) -> None:
    (summary,) = summaries(guarded.storage)
    assert summary["settings"]["tracking_uri"] == guarded.server
    assert "***@" in summary["sweep"]["command"]
    assert guarded.server in guarded.printed
