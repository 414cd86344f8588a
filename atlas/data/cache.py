"""Prepared data in a storage that several machines share: brought to each of them once, by content key."""

from __future__ import annotations

from pathlib import Path

from atlas.backbones.processor import Processor
from atlas.data.index import index_path, recall
from atlas.data.options import PrepareOptions
from atlas.data.prepare import RECIPE, find_prepared, folder_of, identity, prepare
from atlas.data.prepared import CARD, Prepared
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
    """The prepared data of a task: as another machine left it under `place`, or else made here and left there.

    Raises:
        AtlasError: what `atlas.data.prepare.prepare` raises; the place cannot be read or written.
    """
    _bring(task, processor, place, source)
    made = prepare(task, processor=processor, root=place.local, source=source, prepare_options=prepare_options)
    (place / task.name / made.path.name).upload(last=CARD)
    (place / task.name).upload(only=(_index(task, processor, place).name,))
    return made


def find(task: Task, *, processor: Processor, place: StoragePath, source: Path | None = None) -> Prepared | None:
    """What `obtain` would give, where it was prepared before."""
    _bring(task, processor, place, source)
    return find_prepared(task, processor=processor, root=place.local, source=source)


def survey(task: Task, *, processor: Processor, place: StoragePath, source: Path | None = None) -> Prepared | None:
    """What `find` would give, without bringing it here: of an object store's folder the card alone is fetched."""
    if not place.is_remote:
        return find_prepared(task, processor=processor, root=place.local, source=source)
    name = _name(task, processor, place, source)
    return None if name is None else whole_at(place / task.name / name)


def whole_at(place: StoragePath) -> Prepared | None:
    """The prepared data in that very folder, by its card and the sizes of the files there; None where it is not whole.

    Raises AtlasError where the place cannot be read.
    """
    folder, sizes = place.download(only=(CARD,)), place.sizes()
    try:
        return Prepared.load(folder, sizes)
    except AtlasError:
        return None


def prepared_address(prepared: Prepared, place: StoragePath) -> str:
    """Where every machine finds it; `Place.at(...).pull()` gives the folder there."""
    return str(place / prepared.task / prepared.path.name)


def _index(task: Task, processor: Processor, place: StoragePath) -> Path:
    return index_path(place.local, task.name, processor=processor.digest, limits=None)


def _bring(task: Task, processor: Processor, place: StoragePath, source: Path | None) -> None:
    """Fetch what was prepared elsewhere."""
    if place.is_remote and (name := _name(task, processor, place, source)) is not None:
        (place / task.name / name).download()


def _name(task: Task, processor: Processor, place: StoragePath, source: Path | None) -> str | None:
    """The folder of that content key; None where a published task was never prepared by this recipe and version."""
    index = _index(task, processor, place)
    (place / task.name).download(only=(index.name,))
    if source is None and task.layout is not None:
        origin = recall(index)
        fits = origin is not None and (origin.recipe, origin.version) == (RECIPE, task.version)
        return origin.folder if origin is not None and fits else None
    facts = identity(task.at(source), processor=processor, source=source, limits=None)
    return folder_of(facts, place.local).name
