"""Which steps a sweep has in hand, said in the store, so that two sweeps on it do not learn one step at the same time.

    <root>/<scope>/claims/<key>.json      whose the step is, and a beat: another text as long as they have it

A claim is a courtesy: without it nothing is lost but the time of a step that is learnt twice. It is alive while its
text changes, by the clock of who looks; no clock of another machine is read. On a local filesystem or NFS only one of
two that claim at the same moment has the step; object stores have no such means here, and both may have it.
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
EXPIRY_SECONDS = 30.0  # for how long a claim lives without a beat: what a killed sweep had in hand waits so long

log = logging.getLogger(__name__)


@dataclass
class StepLeases:
    """The claims of `owner` in the scope of `store`, and what is known of the others' there.

    What the store refuses is logged: the step is then learnt unclaimed.
    """

    store: Store
    owner: str
    clock: Callable[[], float] = time.monotonic
    _held: set[str] = field(default_factory=set)
    _seen: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """See what is claimed now: the patience with claims left by the dead runs from here."""
        self._folder = self.store.folder("claims")
        selector = fs.FileSelector(self._folder, allow_not_found=True)
        with self._forgiving("listed"):
            for info in self.store.filesystem.get_file_info(selector):
                self.is_available(Path(info.base_name).stem)

    def acquire(self, key: str) -> bool:
        """Claim the step; False where another owner's claim is alive."""
        text = self._read(key)
        if not self._is_available(key, text) or (text is None and not self._create(key)):
            return False
        self.force_acquire(key)
        return True

    def force_acquire(self, key: str) -> None:
        """Claim the step whoever has it: it is being learnt here already."""
        if key not in self._held:
            self._held.add(key)
            self._heartbeat(key)

    def release(self, key: str) -> None:
        """Let others have the step."""
        if key not in self._held:
            return
        self._held.discard(key)
        self._remove(key)

    def heartbeat(self) -> None:
        """Say that all that is held is still in hand; to be called every `HEARTBEAT_SECONDS`, from any thread."""
        for key in tuple(self._held):
            self._heartbeat(key)
            if key not in self._held:  # released while it was written
                self._remove(key)

    def is_available(self, key: str) -> bool:
        """Whether no other owner's claim on the step is alive."""
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
        """The claim's text; None where there is none. What cannot be read may be somebody's, as long as that is new."""
        try:
            with self.store.filesystem.open_input_stream(self._path(key)) as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, pa.ArrowException) as error:
            log.warning("a claim in %s could not be read: %s", self.store.uri, error)
            return b""

    def _create(self, key: str) -> bool:
        """Whether this owner is the only one that claims the step now; True where the filesystem cannot tell."""
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
        if _owner_of(self._read(key) or b"") != self.owner:  # it was thought dead, and another owner has it
            return
        with self._forgiving("removed"), contextlib.suppress(FileNotFoundError):
            self.store.filesystem.delete_file(self._path(key))

    @contextlib.contextmanager
    def _forgiving(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            log.warning("a claim in %s could not be %s: %s", self.store.uri, what, error)


def _owner_of(text: bytes) -> str | None:
    """Whose the claim is; None where that cannot be read, as while it is written."""
    try:
        return str(json.loads(text)["owner"])
    except (ValueError, KeyError, TypeError):
        return None
