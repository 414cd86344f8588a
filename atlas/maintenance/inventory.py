"""Inventory of a store: one item a committed step, in every scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyarrow import fs

from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import counted
from atlas.storage.artifact import Artifact
from atlas.storage.store import Store

LEAST_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Item:
    """A committed step and where it lies. `size` in bytes; `ended` in seconds since 1970, 0 where it is not known."""

    store: Store
    entry: Artifact

    @property
    def key(self) -> str:
        """The step's key."""
        return self.entry.key

    @property
    def title(self) -> str:
        """The step in a few words."""
        return self.entry.result.title or self.key

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that it was trained on and builds on."""
        return frozenset(self.entry.result.order)

    @property
    def size(self) -> int:
        """The bytes of its files."""
        return sum(size for _, size in self.entry.files.values())

    @property
    def ended(self) -> float:
        """The time at which it was trained, in seconds since 1970."""
        return self.entry.result.ended


def places(store: Store) -> list[tuple[Store, str]]:
    """Scope and key of every committed step: of the store itself and, where sweeps share nothing, of each trial."""
    selector = fs.FileSelector(f"{store.root}/private", allow_not_found=True)
    names = sorted(info.base_name for info in store.filesystem.get_file_info(selector))
    scopes = [store, *(replace(store, scope=f"private/{name}") for name in names)]
    return [(scope, key) for scope in scopes for key in scope.keys()]  # noqa: SIM118 - a store is no dictionary


def inventory(store: Store) -> Iterator[Item]:
    """Every committed step of all scopes. A marker that does not parse is moved aside, as `Store.find` does."""
    for scope, key in places(store):
        if (entry := scope.find(key)) is not None:
            yield Item(store=scope, entry=entry)


def resolve(store: Store, given: str) -> Item:
    """The item whose key begins with `given`, at least six digits of it.

    Raises:
        UserError: no step has such a key, or several have.
    """
    if len(given) < LEAST_DIGITS:
        raise UserError(f"{given!r} is too short for a step's key; give {LEAST_DIGITS} digits of it or more.")
    keys = places(store)
    found = [(scope, key) for scope, key in keys if key.startswith(given)]
    if len({key for _, key in found}) > 1:
        raise UserError(f"{given!r} begins the keys of {counted(len(found), 'step')}; give more digits of it.")
    entry = found[0][0].find(found[0][1]) if found else None
    if entry is None:
        near = [key[:12] for _, key in keys if key[:2] == given[:2]] or [key[:12] for _, key in keys[:5]]
        raise unknown(f"step in the store {store.uri}", given, near)
    return Item(store=found[0][0], entry=entry)
