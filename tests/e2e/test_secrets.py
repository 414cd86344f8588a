"""A password in a tracking address reaches MLflow and nothing else: no file, no log, no line that is printed."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest

from atlas.tracking import Server, default_tracking_uri, free_port
from tests.e2e.conftest import SMALL, run, summaries

pytestmark = pytest.mark.slow


def holding(secret: str, folder: Path) -> list[str]:
    """The files below `folder` that hold `secret`."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def test_a_password_in_the_tracking_address_is_written_nowhere(quiet: Path, tmp_path: Path) -> None:
    storage, secret = tmp_path / "storage", secrets.token_hex(8)
    for part in ("data", "store"):
        shutil.copytree(quiet / part, storage / part)
    logs = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # short: Ray's sockets have a limit of 107 characters
    server = Server(
        default_tracking_uri(tmp_path), port=free_port(), artifacts=tmp_path / "artifacts", log=tmp_path / "log"
    )
    with server:
        address = server.uri.replace("http://", f"http://me:{secret}@")
        done = run(*SMALL, "--tracking-uri", address, storage=storage, RAY_TMPDIR=str(logs))
    try:
        assert server.uri in done.stdout
        assert summaries(storage)[-1]["settings"]["tracking_uri"] == server.uri
        assert list(logs.rglob("raylet.out"))
        assert secret not in done.stdout + done.stderr
        assert holding(secret, tmp_path) + holding(secret, logs) == []
    finally:
        shutil.rmtree(logs, ignore_errors=True)
