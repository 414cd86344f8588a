"""A line to a server on the loopback that a test can cut, and mend."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Line", "line_to"]

BLOCK = 1 << 16


@dataclass
class Line:
    """Passes on whatever comes to `port` of the loopback to the server's port, both ways.

    Cut, it drops every connection and refuses new ones, as a machine does that has gone away.
    """

    server: int
    port: int = 0
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)

    def mend(self) -> None:
        """Take connections, on the same port as ever."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections, and take no more."""
        if self._listener is not None:
            _end(self._listener)
        self._listener = None
        while self._open:
            _end(self._open.pop())

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the line was cut
            while True:
                caller, _ = listener.accept()
                called = socket.create_connection(("127.0.0.1", self.server))
                self._open += [caller, called]
                for ends in ((caller, called), (called, caller)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


@contextlib.contextmanager
def line_to(server: int) -> Iterator[Line]:
    """A line to that port of the loopback, until the block ends."""
    line = Line(server)
    line.mend()
    try:
        yield line
    finally:
        line.cut()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            sink.sendall(block)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended
        one.shutdown(socket.SHUT_RDWR)
    one.close()
