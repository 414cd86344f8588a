"""Leases in the store, so that two sweeps do not train the same step.

    <root>/<scope>/claims/<key>.json             the lease's owner, and a heartbeat: another text as long as it is held
    <root>/<scope>/claims/<key>-<digest>.taken   the expired lease with that text has been taken over

Leases are advisory: losing one costs at most one duplicate training run. A lease is alive while its text changes, by
the clock of the reader; no other machine's clock matters. Of two that acquire at the same moment only one gets the
lease, where the store can tell who was first (`atlas.storage.exclusive`): a local filesystem, NFS, S3.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from atlas.storage.artifact import canonical
from atlas.storage.exclusive import create_exclusively
from atlas.storage.store import Store

HEARTBEAT_SECONDS = 5.0
EXPIRY_SECONDS = 30.0  # life of a lease without a heartbeat: others wait so long for the steps of a killed sweep

log = logging.getLogger(__name__)


@dataclass
class StepLeases:
    """The leases of `owner` in the scope of `store`, and the others' as last seen.

    Errors of the store are logged: the step is then trained without a lease.
    """

    store: Store
    owner: str
    clock: Callable[[], float] = time.monotonic
    _held: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    _taken: dict[str, list[str]] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the leases of others: those left by killed sweeps expire `EXPIRY_SECONDS` from here."""
        self._folder = self.store.folder("claims")
        selector = fs.FileSelector(self._folder, allow_not_found=True)
        with self._forgiving("listed"):
            for info in self.store.filesystem.get_file_info(selector):
                if info.extension == "json":
                    self.is_available(Path(info.base_name).stem)

    def acquire(self, key: str) -> bool:
        """Acquire the lease of a step; False where another owner's is alive."""
        text = self._read(key)
        if not self._is_available(key, text):
            return False
        if text is None:
            if not self._create(self._path(key)):
                return False
        elif _owner_of(text) != self.owner and not self._take_over(key, text):
            return False
        self.force_acquire(key)
        return True

    def force_acquire(self, key: str) -> None:
        """Acquire the lease even where another owner holds it, since the step is being trained here already."""
        if key not in self._held:
            self._held.add(key)
            self._heartbeat(key)

    def release(self, key: str) -> None:
        """Release the lease of a step, if it is held here."""
        if key not in self._held:
            return
        self._held.discard(key)
        self._remove(key)

    def heartbeat(self, key: str | None = None) -> None:
        """Renew all leases held here, or one of them; to be called every `HEARTBEAT_SECONDS`, from any thread."""
        for held in tuple(self._held) if key is None else {key} & self._held:
            self._heartbeat(held)
            if held not in self._held:  # released while it was written
                self._remove(held)

    def is_available(self, key: str) -> bool:
        """Whether no other owner's lease of the step is alive."""
        return self._is_available(key, self._read(key))

    def _is_available(self, key: str, text: bytes | None) -> bool:
        if text is None or _owner_of(text) == self.owner:
            return True
        now = self.clock()
        if key not in self._seen or self._seen[key][0] != text:
            self._seen[key] = (text, now)
        return now - self._seen[key][1] > EXPIRY_SECONDS

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}.json"

    def _read(self, key: str) -> bytes | None:
        """The lease's text; None where there is none. An unreadable one counts as another owner's until it expires."""
        try:
            with self.store.filesystem.open_input_stream(self._path(key)) as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, pa.ArrowException) as error:
            log.warning("a lease in %s could not be read: %s", self.store.uri, error)
            return b""

    def _take_over(self, key: str, text: bytes) -> bool:
        """Whether this owner alone takes over the expired lease with that text.

        One that another takes over lives for another `EXPIRY_SECONDS`: by then that owner has renewed it, or died.
        """
        path = f"{self._folder}/{key}-{hashlib.sha256(text).hexdigest()[:16]}.taken"
        if path in self._refused or self._create(path):
            self._taken.setdefault(key, []).append(path)
            return True
        self._refused.add(path)
        self._seen[key] = (text, self.clock())
        return False

    def _create(self, path: str) -> bool:
        """Whether this owner alone creates the file now; True where the store cannot tell."""
        with self._forgiving("written"):
            return create_exclusively(self.store.filesystem, path, self._text())
        return True

    def _text(self) -> bytes:
        return canonical({"owner": self.owner, "beat": uuid.uuid4().hex})

    def _heartbeat(self, key: str) -> None:
        with self._forgiving("written"):
            self.store.write_small(self._path(key), self._text())

    def _remove(self, key: str) -> None:
        if _owner_of(self._read(key) or b"") != self.owner:  # it was presumed dead, and another owner has the lease
            return
        for path in (self._path(key), *self._taken.pop(key, ())):
            with self._forgiving("removed"), contextlib.suppress(FileNotFoundError):
                self.store.filesystem.delete_file(path)

    @contextlib.contextmanager
    def _forgiving(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            log.warning("a lease in %s could not be %s: %s", self.store.uri, what, error)


def _owner_of(text: bytes) -> str | None:
    """The owner of a lease; None where it cannot be read, as while it is written."""
    try:
        return str(json.loads(text)["owner"])
    except (ValueError, KeyError, TypeError):
        return None
