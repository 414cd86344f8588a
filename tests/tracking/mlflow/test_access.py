from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import check_access, check_tracking, credentials, run_url, signed_in, ui_command
from atlas.tracking.mlflow.access import CREDENTIALS


@pytest.fixture(autouse=True)
def signed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is signed in before a test, nor after it."""
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def guarded() -> Iterator[str]:
    """A server that lets `me:p@ss` and the bearer `t` in; its health is public."""
    allowed = {f"Basic {base64.b64encode(b'me:p@ss').decode()}", "Bearer t"}

    class Guarded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" or self.headers["Authorization"] in allowed else 401)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_user_and_password_of_a_server_move_to_the_environment(guarded: str) -> None:
    assert signed_in(f"http://me:p%40ss@{guarded}") == f"http://{guarded}"
    assert credentials() == {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "p@ss"}
    check_access(f"http://{guarded}")


def test_a_bearer_token_lets_in(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t")
    check_access(f"http://{guarded}")
    assert credentials() == {"MLFLOW_TRACKING_TOKEN": "t"}


def test_a_refused_user_is_told_what_to_set(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_tracking(f"http://me:wrong@{guarded}")
    with pytest.raises(AtlasError, match="set MLFLOW_TRACKING_USERNAME") as refused:
        check_access(f"http://{guarded}")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    with pytest.raises(AtlasError, match=r"\(401\)") as refused:
        check_access(f"http://{guarded}")
    assert "hunter2" not in str(refused.value)


def test_other_addresses_stay_as_they_are_and_need_no_server() -> None:
    for uri in ("sqlite:////a@b/mlflow.db", "postgresql://me:pw@db/atlas", "http://host:5000/x?y=z"):
        assert signed_in(uri) == uri
    check_access("sqlite:////a/mlflow.db")
    assert credentials() == {}


def test_an_unreachable_address_is_named_without_its_password() -> None:
    for uri in ("ftp://me:hunter2@host", "http://me:hunter2@127.0.0.1:9"):
        with pytest.raises(AtlasError) as refused:
            check_tracking(uri, timeout=2.0)
        assert "hunter2" not in str(refused.value)


def test_printed_commands_and_links_hold_no_password() -> None:
    for uri in ("http://me:hunter2@host:5000", "postgresql://me:hunter2@db/atlas"):
        assert "hunter2" not in ui_command(uri) + run_url(uri, "1")
