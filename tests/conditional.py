"""A door to the tests' object store that heeds `If-None-Match: *`, as S3 does and that server does not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers import ObjectStore

EXISTS = b'<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><Message>it exists</Message></Error>'
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>you may not delete</Message></Error>'
HOPS = {"transfer-encoding", "connection", "expect", "content-length"}


@contextlib.contextmanager
def conditional(store: ObjectStore, *, deletes: bool = True) -> Iterator[str]:
    """The address of the door, until the block ends. Whoever signs requests for it is known to the store.

    Without `deletes` it refuses to delete an object, as a bucket's policy may.
    """
    given = {"store": store, "lock": threading.Lock(), "deletes": deletes}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), given))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Door(BaseHTTPRequestHandler):
    """Passes requests on as they are, since they are signed; one conditional write after another."""

    protocol_version = "HTTP/1.1"
    store: ObjectStore
    lock: threading.Lock
    deletes: bool

    def do_PUT(self) -> None:
        if self.headers.get("If-None-Match") != "*":
            return self._pass_on()
        with self.lock:
            bucket, _, key = self.path.partition("?")[0].lstrip("/").partition("/")
            if self._exists(bucket, key):
                self._body()
                return self._answer(412, {"Content-Type": "application/xml"}, EXISTS)
            return self._pass_on()

    def do_GET(self) -> None:
        self._pass_on()

    do_HEAD = do_POST = do_GET  # noqa: N815

    def do_DELETE(self) -> None:
        if self.deletes:
            return self._pass_on()
        self._body()
        return self._answer(403, {"Content-Type": "application/xml"}, DENIED)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _exists(self, bucket: str, key: str) -> bool:
        with contextlib.suppress(self.store.client().exceptions.NoSuchBucket):
            return key in self.store.names(bucket, key)
        return False

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _pass_on(self) -> None:
        address = self.store.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
        line = HTTPConnection(address)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
        line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        body = self._body()
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            line.putheader(name, value)
        line.endheaders(body)
        answer = line.getresponse()
        content = answer.read()
        self._answer(answer.status, dict(answer.getheaders()), content)
        line.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        given = {name: value for name, value in headers.items() if name.lower() not in HOPS}
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        for name, value in {**given, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
