"""Reads of a store, several at a time: each waits for the store, which may be a bucket far away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from atlas.runtime.os_errors import is_unreachable
from atlas.storage.store import Store

THREADS = 16

Of = TypeVar("Of")
Found = TypeVar("Found")


def read_at_once(read: Callable[[Of], Found], wanted: Iterable[Of]) -> list[Found]:
    """What `read` finds for each, in their order, by `THREADS` threads. The first error is raised and ends it."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reads") as pool:
        return list(pool.map(read, wanted))


@dataclass(frozen=True)
class KeptReads(Generic[Found]):
    """What `read` finds of a step in a store: it is read once, and given, or raised, whenever it is asked for again."""

    read: Callable[[Store, str], Found]
    _found: dict[tuple[Store, str], Found] = field(default_factory=dict)
    _failed: dict[tuple[Store, str], Exception] = field(default_factory=dict)

    def of(self, store: Store, key: str) -> Found:
        """What is known of the step, else what is read now. Raises what reading it raises."""
        name = store, key
        if not self._is_known(name):
            self._read(name)
        if name in self._failed:
            raise self._failed[name]
        return self._found[name]

    def read_ahead(self, wanted: Iterable[tuple[Store, str]]) -> None:
        """Read the steps that are not known yet, several at a time.

        Raises:
            OSError, StorageUnavailable: a store does not answer. Other errors are raised where their step is asked for.
        """
        read_at_once(self._read, [name for name in dict.fromkeys(wanted) if not self._is_known(name)])

    def _is_known(self, name: tuple[Store, str]) -> bool:
        return name in self._found or name in self._failed

    def _read(self, name: tuple[Store, str]) -> None:
        try:
            self._found[name] = self.read(*name)
        except Exception as error:
            if is_unreachable(error):
                raise
            self._failed[name] = error
