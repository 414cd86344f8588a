"""Ports for servers that tests start beside a Ray cluster."""

from __future__ import annotations

import random
import socket

# Below the kernel's own range, from which Ray's processes take theirs, and above that of its workers.
LOW, HIGH = 20_000, 32_000


def lasting_port() -> int:
    """A free port on the loopback that nobody is given by chance before the test's server takes it."""
    for port in random.SystemRandom().sample(range(LOW, HIGH), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port of a hundred between {LOW} and {HIGH}")
