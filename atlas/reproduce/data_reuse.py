"""Reuse of prepared data in a clean storage, where another storage has the data of the run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from atlas.data.index import read_index
from atlas.data.prepared import Prepared, find_by_fingerprint


def reusable_data(fingerprints: Mapping[str, str], storages: Sequence[Path]) -> dict[str, Path]:
    """Task → its prepared folder in the first of the storages that has one of the recorded fingerprint."""
    found = {}
    for task, fingerprint in fingerprints.items():
        places = (find_by_fingerprint(root / "data", task, fingerprint) for root in storages)
        if (folder := next((place for place in places if place is not None), None)) is not None:
            found[task] = folder
    return found


def reuse_data(task: str, folder: Path, root: Path) -> None:
    """Link the prepared folder into the storage `root`; copy it where that is on another file system.

    Every file is compared with its digest first, since a folder may bear a fingerprint that its files do not have.
    Raises UserError where a file was altered.
    """
    Prepared.load(folder).verify()
    place = root / "data" / task
    if (place / folder.name).exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, place / folder.name, copy_function=_link)
    for index in folder.parent.glob(".*.json"):  # the index of a task that was prepared from a source
        if (origin := read_index(index)) is not None and origin.folder == folder.name:
            shutil.copy2(index, place / index.name)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
