"""A look whether a Ray cluster answers at its address, before Ray itself, which tries for many minutes, does."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from atlas.runtime.errors import InfrastructureError, UserError

DEFAULT_PORTS = {"": 6379, "ray": 10001}  # of a cluster's head by the scheme of an address
SECONDS = 5.0
SOCKET = "/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"  # its longest path below that folder
LONGEST_FOLDER = 107 - len(SOCKET)
REMEDY = "Check RAY_ADDRESS (unset it to start one here), and that RAY_AUTH_MODE=token and its token are the cluster's."


def ray_address() -> str:
    """The address of the cluster to join; empty where one is to be started on this machine."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return "" if address == "local" else address


def check_reachable(address: str, timeout: float = SECONDS) -> None:
    """Raises InfrastructureError where nothing listens at the address of a cluster within `timeout` seconds.

    `auto` is a cluster of this machine, which Ray finds at once or not at all. Raises UserError for no address.
    """
    if address in ("", "auto"):
        return
    host, port = _host_and_port(address)
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:  # also a host that is not known
        reason = error.strerror or str(error)
        raise InfrastructureError(
            f"no Ray cluster at {address}: nothing answers at {host} port {port} ({reason}). {REMEDY}"
        ) from error


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
