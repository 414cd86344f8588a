from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from atlas.cluster.connect import join_ray
from atlas.cluster.reach import LONGEST_FOLDER, check_reachable, check_socket_path, ray_address
from atlas.runtime.errors import InfrastructureError, UserError


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port of the loopback at which nothing listens, and which nothing else gets."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "localhost:{}", "ray://127.0.0.1:{}", "ray://localhost:{}/"])
def test_an_address_at_which_nothing_listens_is_told_before_ray_tries(
    dead_port: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = form.format(dead_port)
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)  # Ray is not even imported
    with pytest.raises(InfrastructureError) as refused:
        join_ray()
    said = str(refused.value)
    assert said.startswith(f"no Ray cluster at {address}: nothing answers at ")
    assert f"port {dead_port} (Connection refused). Check RAY_ADDRESS (unset it to start one here)" in said
    assert "\n" not in said


def test_a_host_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfrastructureError, match=r"nothing answers at head\.invalid port 6379"):
        check_reachable("head.invalid")


@pytest.mark.parametrize("address", ["a host:6379", "http://host:1", ":6379", "host:port", "host:99999", "host:1/x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises((UserError, InfrastructureError)) as refused:
        check_reachable(address)
    assert repr(address) in str(refused.value) or address in str(refused.value)


FRAME = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # an HTTP/2 server's first


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """The address of a server that treats each connection so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # the server is closed
                while True:
                    connection = listening.accept()[0]
                    with connection, suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def drip(connection: socket.socket) -> None:
    """Send a byte now and then, for ever."""
    while True:
        connection.sendall(b"x")
        threading.Event().wait(0.2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda connection: connection.makefile("rb").read(), "it answers nothing within 0.5 s"),
        (drip, "it answers nothing within 0.5 s"),
        (lambda connection: None, "it "),  # closes or resets: the kernel's choice
        (lambda connection: connection.sendall(b"-ERR unknown command 'PRI'\r\n"), "it answers in another protocol"),
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is a web server, not Ray"),
    ],
)
def test_what_listens_and_is_no_ray_is_told_in_a_line(answer: Callable[[socket.socket], object], reason: str) -> None:
    with server(answer) as address, pytest.raises(InfrastructureError) as refused:
        check_reachable(address, answer_timeout=0.5)
    said = str(refused.value)
    assert said.startswith(f"no Ray cluster at {address}: what listens at 127.0.0.1 port ")
    assert reason in said
    assert "Check RAY_ADDRESS" in said
    assert "\n" not in said


def test_a_web_server_is_told_before_ray_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        monkeypatch.setenv("RAY_ADDRESS", f"ray://127.0.0.1:{web.server_port}")
        monkeypatch.setitem(__import__("sys").modules, "ray", None)
        with pytest.raises(InfrastructureError, match=r"no Ray cluster at ray://127\.0\.0\.1:\d+: what listens at"):
            join_ray()
        web.shutdown()


def test_a_socket_that_nobody_accepts_is_no_ray() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, pytest.raises(InfrastructureError, match=r"it answers nothing within 0\.5 s"):
        check_reachable(f"127.0.0.1:{listening.getsockname()[1]}", answer_timeout=0.5)


def test_what_greets_as_grpc_does_and_no_address_pass() -> None:
    with server(lambda connection: connection.sendall(FRAME)) as address:
        check_reachable(address)
    check_reachable("auto")
    check_reachable("")


def test_a_server_of_grpc_passes() -> None:
    """Ray's own servers are made with the same library."""
    grpc = pytest.importorskip("grpc")
    made = grpc.server(ThreadPoolExecutor(1))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    check_reachable(f"127.0.0.1:{port}")
    made.stop(None).wait()


def test_an_encrypted_cluster_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        check_reachable(f"127.0.0.1:{listening.getsockname()[1]}")


@pytest.mark.parametrize(("given", "address"), [("", ""), ("local", ""), (" ", ""), ("auto", "auto"), ("h:1 ", "h:1")])
def test_local_is_no_address(monkeypatch: pytest.MonkeyPatch, given: str, address: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", given)
    assert ray_address() == address


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_folder_that_is_too_long_for_rays_sockets_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, f"/{'x' * (LONGEST_FOLDER - 1)}")
    check_socket_path()
    monkeypatch.setenv(name, f"/{'é' * (LONGEST_FOLDER // 2)}x")
    with pytest.raises(UserError, match=f"{name} is /.*, a path of .* bytes; .* give a shorter one"):
        check_socket_path()
