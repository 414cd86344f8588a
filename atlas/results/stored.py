"""The sweeps of a storage: listed, and opened by id, name or folder. Nothing is written there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atlas.report import Summary, read_summary
from atlas.results.sweep_result import SweepResult
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.names import file_name
from atlas.runtime.paths import absolute, home_expanded, is_folder, not_a_file
from atlas.storage.filesystem import StoragePath
from atlas.storage.options import StorageOptions
from atlas.sweep.folder import OPTIONS, STARTED, SUMMARY, SweepFolder

STAMP = re.compile(r"-(\d{8}-\d{6})-[0-9a-f]{4}$")  # of an id: when the sweep started
EntryStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "UNFINISHED", "UNREADABLE"]


@dataclass(frozen=True, kw_only=True)
class SweepEntry:
    """A sweep of a storage, as it is listed.

    status: that of its summary; UNFINISHED where it has none, because it runs or was interrupted; UNREADABLE where the
    summary cannot be read, for the reason `problem`. started: ISO 8601 in local time, empty where it is not known.
    """

    id: str
    status: EntryStatus
    started: str = ""
    summary: Summary | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The sweep's name as its id begins with it."""
        return re.sub(f"{STARTED}$", "", self.id)


def sweeps(storage: str | Path = "") -> list[SweepEntry]:
    """The sweeps of a storage (default: `$ATLAS_STORAGE` or `~/atlas`), the latest last.

    Raises:
        UserError: an address that is not understood, or a storage that cannot be read.
    """
    place = _place(storage)
    return list(_entries(place))


def open(sweep: str | Path = "", *, storage: str | Path = "") -> SweepResult:
    """A sweep that has ended.

    `sweep` is its id, or its name (then its latest one is opened), its folder, its `summary.json`, or a storage, whose
    latest sweep is opened, as that of `storage` (default: `$ATLAS_STORAGE` or `~/atlas`) without a `sweep`.

    Raises:
        UserError: there is none, with the nearest id; it has not ended; its summary cannot be read.
    """
    found = _at_path(str(sweep))
    if found is not None:
        return found
    place = _place(sweep if sweep and _is_storage(str(sweep)) else storage)
    name = "" if sweep and _is_storage(str(sweep)) else str(sweep)
    entries = list(_entries(place))
    if not entries:
        raise UserError(f"the storage {place} has no sweep; run one there, or give another storage.")
    chosen = [one for one in entries if name in ("", one.id) or file_name(name) == one.name]
    if not chosen:
        also = f" Nor is there a folder {name!r}." if "/" in name else ""
        raise UserError(f"{unknown(f'sweep in {place}', name, [one.id for one in entries])}{also}")
    ended = [one for one in chosen if one.summary is not None]
    return _result(place, ended[-1] if ended else chosen[-1])


def open_all(name: str, *, storage: str | Path = "") -> list[SweepResult]:
    """All sweeps of that name that have ended, the latest last. Raises UserError where there is none."""
    place = _place(storage)
    entries = list(_entries(place))
    found = [one for one in entries if file_name(name) == one.name and one.summary is not None]
    if not found:
        raise unknown(f"name of a sweep that has ended in {place}", name, dict.fromkeys(one.name for one in entries))
    return [_result(place, one) for one in found]


def _entries(storage: StoragePath) -> Iterator[SweepEntry]:
    folders = SweepFolder.all(storage)
    entries = (_entry(folder) for folder in folders if folder.has(SUMMARY) or folder.has(OPTIONS))
    yield from sorted(entries, key=lambda one: (one.started, one.id))


def _entry(folder: SweepFolder) -> SweepEntry:
    stamp = STAMP.search(folder.id)
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.strptime(stamp[1], "%Y%m%d-%H%M%S")) if stamp else ""
    if not folder.has(SUMMARY):
        return SweepEntry(id=folder.id, status="UNFINISHED", started=started)
    try:
        summary = read_summary(folder.summary)
    except UserError as error:
        return SweepEntry(id=folder.id, status="UNREADABLE", started=started, problem=str(error))
    return SweepEntry(
        id=folder.id, status=summary.sweep.status, started=started or summary.sweep.started[:19], summary=summary
    )


def _result(storage: StoragePath, entry: SweepEntry) -> SweepResult:
    if entry.summary is None:
        raise UserError(
            entry.problem
            or f"the sweep {entry.id} has not ended: it runs, or was interrupted; wait for it, or go on "
            f"with it by its own command and --resume {entry.id}."
        )
    return SweepResult(summary=entry.summary, storage=storage, folder=(storage / "sweeps" / entry.id).local)


def _at_path(given: str) -> SweepResult | None:
    """The sweep of a folder or a summary on this machine, in whichever storage it lies; None for any other text."""
    path = home_expanded(given)
    folder = path.parent if path.suffix == ".json" else path
    file = path if path.suffix == ".json" else folder / SUMMARY
    if not given or "://" in given or (not_a_file(file) and path.suffix != ".json"):
        return None
    folder = absolute(folder)
    storage = folder.parents[1] if folder.parent.name == "sweeps" else folder
    return SweepResult(summary=read_summary(file), storage=StoragePath.at(storage), folder=folder)


def _is_storage(given: str) -> bool:
    """Whether it is an address or a path, not the id or name of a sweep."""
    if "://" in given or given.startswith(("/", "./", "../", "~")):
        return True
    return is_folder(Path(given) / "sweeps") or ("/" in given and is_folder(Path(given)))


def _place(storage: str | Path) -> StoragePath:
    return StorageOptions(storage=str(storage)).path
