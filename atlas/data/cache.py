"""The cache of prepared data in shared storage: downloaded once by each machine, by content key."""

from __future__ import annotations

from pathlib import Path

from atlas.backbones.processor import Processor
from atlas.data.card import CARD
from atlas.data.index import index_path, read_index
from atlas.data.options import PrepareOptions
from atlas.data.prepare import RECIPE, find_prepared, identity_of, prepare
from atlas.data.prepared import Prepared
from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import StoragePath
from atlas.tasks.task import Task


def obtain(
    task: Task,
    *,
    processor: Processor,
    place: StoragePath,
    source: Path | None = None,
    prepare_options: PrepareOptions | None = None,
) -> Prepared:
    """The prepared data of a task: downloaded from `place`, or else prepared here and uploaded.

    Raises:
        AtlasError: as `atlas.data.prepare.prepare` does; the place cannot be read or written.
    """
    _download(task, processor, place, source)
    prepared = prepare(task, processor=processor, root=place.local, source=source, prepare_options=prepare_options)
    (place / task.name / prepared.path.name).upload(last=CARD)
    (place / task.name).upload(only=(_index(task, processor, place).name,))
    return prepared


def find(task: Task, *, processor: Processor, place: StoragePath, source: Path | None = None) -> Prepared | None:
    """The prepared data of a task, downloaded; None where it was never prepared."""
    _download(task, processor, place, source)
    return find_prepared(task, processor=processor, root=place.local, source=source)


def survey(task: Task, *, processor: Processor, place: StoragePath, source: Path | None = None) -> Prepared | None:
    """As `find`, without downloading the data: of an object store's folder the card alone is downloaded."""
    if not place.is_remote:
        return find_prepared(task, processor=processor, root=place.local, source=source)
    name = _name(task, processor, place, source)
    return None if name is None else prepared_at(place / task.name / name)


def prepared_at(place: StoragePath) -> Prepared | None:
    """The prepared data in that very folder, by its card and the sizes of the files there; None where it is incomplete.

    Raises AtlasError where the place cannot be read.
    """
    folder, sizes = place.download(only=(CARD,)), place.sizes()
    try:
        return Prepared.load(folder, sizes)
    except AtlasError:
        return None


def prepared_address(prepared: Prepared, place: StoragePath) -> str:
    """The address by which every machine finds it; `StoragePath.at(...).download()` gives a local folder."""
    return str(place / prepared.task / prepared.path.name)


def _index(task: Task, processor: Processor, place: StoragePath) -> Path:
    return index_path(place.local, task.name, processor=processor.digest, limits=None)


def _download(task: Task, processor: Processor, place: StoragePath, source: Path | None) -> None:
    """Download the folder, where another machine prepared it."""
    if place.is_remote and (name := _name(task, processor, place, source)) is not None:
        (place / task.name / name).download()


def _name(task: Task, processor: Processor, place: StoragePath, source: Path | None) -> str | None:
    """The folder of that content key; None where a published task was never prepared by this recipe and version."""
    index = _index(task, processor, place)
    (place / task.name).download(only=(index.name,))
    if source is None and task.layout is not None:
        entry = read_index(index)
        fits = entry is not None and (entry.recipe, entry.version) == (RECIPE, task.version)
        return entry.folder if entry is not None and fits else None
    return identity_of(task.at(source), processor=processor, source=source, limits=None).key()
