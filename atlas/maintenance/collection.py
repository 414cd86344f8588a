"""Garbage in a store: steps that no sweep retains, attempts that were never committed, damaged entries."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from atlas.maintenance.inventory import Item, inventory
from atlas.maintenance.retention import RetainedSteps, keepers
from atlas.storage.filesystem import StoragePath, delete_tree, files_under
from atlas.storage.store import Store

DAY = 86400.0
PART = re.compile(
    r"(?P<unit>(?:(?P<scope>.+?)/)??(?:(?P<begun>underway)/steps/../[^/]+|steps/../(?P<key>[^/]+)/(?P<attempt>[^/]+)|"
    r"(?P<kind>aside)/[^/]+|(?P<claim>claims)/[^/]+|\.probe-[^/]+))(?:/.*)?"
)
ASIDE, BEGUN, HALF = "damaged entry, put aside", "waypoint of a step given up", "left by a write that was not finished"
CLAIM = "claim of a sweep that was killed"


@dataclass(frozen=True, kw_only=True)
class Waste:
    """A removable entry: its path in the store, its size in bytes; a committed step has its `item`."""

    what: str
    path: str
    size: int
    item: Item | None = None


@dataclass(frozen=True, kw_only=True)
class Collection:
    """The garbage of a store, and how many steps each sweep retains there."""

    waste: Sequence[Waste]
    kept: dict[str, int]
    steps: int
    unfinished: Sequence[str]


def find_waste(store: Store, storage: StoragePath | Path, now: float | None = None) -> Collection:
    """The garbage in the store of a storage; `now` in seconds since 1970. Changes nothing.

    Raises:
        UserError: a sweep's files cannot be read, so that nobody knows what it keeps.
    """
    sweeps = keepers(storage)
    items = list(inventory(store))
    unkept = [item for item in items if not any(sweep.keeps(item) for sweep in sweeps)]
    steps = [
        Waste(what=f"step {item.key[:12]}, {item.title}", path=item.store.scope, size=item.size, item=item)
        for item in unkept
    ]
    committed = {(item.store.scope, item.key, item.entry.attempt) for item in items}
    left = _left_over(store, committed, time.time() if now is None else now)
    if any(sweep.since is not None for sweep in sweeps):  # it may be resumed from its checkpoints at any time
        left = (one for one in left if one.what != BEGUN)
    return Collection(
        waste=[*steps, *left],
        kept={sweep.sweep: _count(sweep, items) for sweep in sweeps},
        steps=len(items),
        unfinished=[sweep.sweep for sweep in sweeps if sweep.since is not None],
    )


def remove(store: Store, waste: Waste) -> None:
    """Remove it for good. An entry that is gone already is no error."""
    path = f"{store.root}/{waste.path}"
    if waste.item is not None:
        waste.item.store.remove(waste.item.key)
    elif store.filesystem.get_file_info(path).type == fs.FileType.Directory:
        delete_tree(store.filesystem, path)
    else:
        with contextlib.suppress(FileNotFoundError):
            store.filesystem.delete_file(path)


def _count(sweep: RetainedSteps, items: Sequence[Item]) -> int:
    return sum(sweep.keeps(item) for item in items)


def _left_over(store: Store, committed: set[tuple[str, str, str]], now: float) -> Iterator[Waste]:
    """Entries put aside, and whatever for more than a day has lain in a step's folder beside its marker's attempt, or
    was not touched though it was under way.
    """
    units: dict[str, list[fs.FileInfo]] = {}
    what: dict[str, str] = {}
    for info in files_under(store.filesystem, store.root):
        found = PART.fullmatch(info.path.removeprefix(store.root + "/"))
        if found is None or found["attempt"] == "commit.json":
            continue
        if (found["scope"] or "", found["key"], found["attempt"]) in committed:
            continue
        units.setdefault(found["unit"], []).append(info)
        what[found["unit"]] = _kind(found)
    for path, infos in units.items():
        ages = [_age(info, now) for info in infos]
        age = min(ages) if what[path] == BEGUN else max(ages)
        if what[path] == ASIDE or age > DAY:
            yield Waste(what=what[path], path=path, size=sum(info.size for info in infos))


def _kind(found: re.Match[str]) -> str:
    if found["claim"]:
        return CLAIM
    return ASIDE if found["kind"] else BEGUN if found["begun"] else HALF


def _age(info: fs.FileInfo, now: float) -> float:
    """Seconds since the file was written; 0 where the filesystem does not say."""
    return now - info.mtime_ns / 1e9 if info.mtime_ns else 0.0
