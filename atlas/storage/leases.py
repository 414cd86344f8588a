"""Leases in the store, so that two sweeps do not train the same step.

    <root>/<scope>/claims/<key>.json      the lease's owner, and a heartbeat: another text as long as it is held

Leases are advisory: losing one costs at most one duplicate training run. A lease is alive while its text changes, by
the clock of the reader; no other machine's clock matters. On a local filesystem or NFS only one of two that acquire at
the same moment gets the lease; object stores offer no such means here, and both may get it.
"""

from __future__ import annotations

import contextlib
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

    def __post_init__(self) -> None:
        """Read the leases of others: those left by killed sweeps expire `EXPIRY_SECONDS` from here."""
        self._folder = self.store.folder("claims")
        selector = fs.FileSelector(self._folder, allow_not_found=True)
        with self._forgiving("listed"):
            for info in self.store.filesystem.get_file_info(selector):
                self.is_available(Path(info.base_name).stem)

    def acquire(self, key: str) -> bool:
        """Acquire the lease of a step; False where another owner's is alive."""
        text = self._read(key)
        if not self._is_available(key, text) or (text is None and not self._create(key)):
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

    def heartbeat(self) -> None:
        """Renew all leases held here; to be called every `HEARTBEAT_SECONDS`, from any thread."""
        for key in tuple(self._held):
            self._heartbeat(key)
            if key not in self._held:  # released while it was written
                self._remove(key)

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

    def _create(self, key: str) -> bool:
        """Whether this owner alone acquires the step now; True where the filesystem cannot tell."""
        if self.store.is_local:
            with self._forgiving("written"):
                Path(self._folder).mkdir(parents=True, exist_ok=True)
                try:
                    Path(self._path(key)).touch(exist_ok=False)
                except FileExistsError:
                    return False
        return True

    def _heartbeat(self, key: str) -> None:
        with self._forgiving("written"):
            self.store.write_small(self._path(key), canonical({"owner": self.owner, "beat": uuid.uuid4().hex}))

    def _remove(self, key: str) -> None:
        if _owner_of(self._read(key) or b"") != self.owner:  # it was presumed dead, and another owner has the lease
            return
        with self._forgiving("removed"), contextlib.suppress(FileNotFoundError):
            self.store.filesystem.delete_file(self._path(key))

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
