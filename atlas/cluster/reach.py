"""A look whether a Ray cluster answers at its address, before Ray itself, which tries for many minutes, does."""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

from atlas.runtime.errors import InfrastructureError, UserError

DEFAULT_PORTS = {"": 6379, "ray": 10001}  # of a cluster's head by the scheme of an address
SECONDS = 5.0
ANSWER_SECONDS = 15.0  # a head on a busy machine may take a while to greet
HEADER, SETTINGS = 9, 4  # the bytes of the header of an HTTP/2 frame, and the type of the first frame of either side
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0))  # a client's, RFC 9113
SOCKET = "/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"  # its longest path below that folder
LONGEST_FOLDER = 107 - len(SOCKET)
REMEDY = "Check RAY_ADDRESS (unset it to start one here), and that RAY_AUTH_MODE=token and its token are the cluster's."


def ray_address() -> str:
    """The address of the cluster to join; empty where one is to be started on this machine."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return "" if address == "local" else address


def check_reachable(address: str, timeout: float = SECONDS, answer_timeout: float = ANSWER_SECONDS) -> None:
    """Raises InfrastructureError where nothing listens at the address of a cluster, or what listens is no Ray.

    It is given `timeout` seconds to take the connection, and `answer_timeout` to greet. `auto` is a cluster of this
    machine, which Ray finds at once or not at all. Raises UserError for no address.
    """
    if address in ("", "auto"):
        return
    host, port = _host_and_port(address)
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError as error:  # also a host that is not known
        reason = error.strerror or str(error)
        raise InfrastructureError(
            f"no Ray cluster at {address}: nothing answers at {host} port {port} ({reason}). {REMEDY}"
        ) from error
    with connection:
        said = "" if _is_encrypted() else _refusal(connection, answer_timeout)
    if said:
        raise InfrastructureError(f"no Ray cluster at {address}: what listens at {host} port {port} {said}. {REMEDY}")


def _is_encrypted() -> bool:
    return os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true")


def _refusal(connection: socket.socket, timeout: float) -> str:
    """How the server's answer shows that it is no Ray, which speaks gRPC and so greets as HTTP/2 does; else empty."""
    try:
        answer = _answer(connection, timeout)
    except TimeoutError:
        return f"is no Ray: it answers nothing within {timeout:g} s"
    except OSError as error:
        return f"is no Ray: it breaks the connection off ({error.strerror or error})"
    if len(answer) == HEADER and answer[3] == SETTINGS:
        return ""
    if answer.startswith(b"HTTP/"):
        return "is a web server, not Ray (whose dashboard has another port than its cluster)"
    return "is no Ray: it answers in another protocol" if answer else "is no Ray: it closes the connection"


def _answer(connection: socket.socket, timeout: float) -> bytes:
    """The first bytes that a server sends to an HTTP/2 client. Raises TimeoutError where they take longer, OSError."""
    deadline, answer = time.monotonic() + timeout, b""
    connection.settimeout(timeout)
    connection.sendall(GREETING)
    while len(answer) < HEADER:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        connection.settimeout(left)
        if not (more := connection.recv(HEADER - len(answer))):
            break
        answer += more
    return answer


def check_socket_path() -> None:
    """Raises UserError where Ray's sockets would have paths longer than an address of a socket can be."""
    name = "RAY_TMPDIR" if os.environ.get("RAY_TMPDIR") else "TMPDIR"
    folder = os.environ.get(name, "")
    if (length := len(os.fsencode(folder))) > LONGEST_FOLDER:
        raise UserError(
            f"{name} is {folder}, a path of {length} bytes; Ray's sockets below it take {LONGEST_FOLDER} at most: give "
            f"a shorter one, such as RAY_TMPDIR=/tmp."
        )


def _host_and_port(address: str) -> tuple[str, int]:
    scheme, _, rest = address.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or scheme not in DEFAULT_PORTS or parts.path.strip("/"):
        raise UserError(f"RAY_ADDRESS is {address!r}; give HOST:PORT, ray://HOST:PORT or auto, or unset it.")
    return host, port or DEFAULT_PORTS[scheme]
