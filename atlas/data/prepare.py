"""Decode, resize and tokenise a task once, into Arrow files that training maps into memory.

The folder's name is a digest of everything that decides its content: the task and its version, its sources,
the limits, and the processor. So it is found again at no cost, and nothing stale is ever read.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from atlas.data.prepared import Prepared, file_digests, fingerprint, read_card, write_card
from atlas.data.processor import Processor
from atlas.data.writer import Progress, Written, write_split
from atlas.errors import AtlasError, unknown
from atlas.tasks.task import SPLITS, Broken, Record, Task

RECIPE = 2  # raised by hand when the files' layout changes


def prepare(
    task: Task,
    *,
    processor: Processor,
    root: Path,
    source: Path | None = None,
    limits: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """The prepared data of a task under root, made if it is not there yet.

    source: where the task's own files lie, for tasks that do not bring them. limits: split -> how many of its
    first records to take. progress: called with the split and the number of its records done. Of several
    processes that ask at once, one works and the others wait. The folder appears whole or not at all.
    Raises AtlasError on a missing source, an unwritable root, an empty split or a malformed record.
    """
    facts = identity(task, processor=processor, source=source, limits=limits)
    final = folder_of(facts, root)
    if read_card(final):
        return Prepared.load(final)
    make_folder(final.parent)
    with FileLock(final.parent / f".{final.name}.lock"):
        if not read_card(final):
            build(task, facts, final=final, processor=processor, source=source, progress=progress)
    return Prepared.load(final)


def find_prepared(
    task: Task,
    *,
    processor: Processor,
    root: Path,
    source: Path | None = None,
    limits: Mapping[str, int] | None = None,
) -> Prepared | None:
    """What `prepare` would return if it is there already: its card is read and its files' sizes are checked."""
    final = folder_of(identity(task, processor=processor, source=source, limits=limits), root)
    return Prepared.load(final) if read_card(final) else None


def identity(
    task: Task, *, processor: Processor, source: Path | None, limits: Mapping[str, int] | None
) -> dict[str, Any]:
    """Everything that decides the files. Raises AtlasError on bad limits or a missing source."""
    for split, limit in (limits or {}).items():
        if split not in SPLITS:
            raise unknown("split in limits", split, SPLITS)
        if limit < 1:
            raise AtlasError(f"the limit of {split!r} is {limit}, should be at least 1")
    if source is not None and not Path(source).is_dir():
        raise AtlasError(f"{task.name}: the source {str(source)!r} is not a folder. Download the task and name it")
    return {
        "recipe": RECIPE,
        "task": task.name,
        "version": task.version,
        "answers": list(task.answers),
        "sources": dict(task.sources(source)),
        "limits": dict(limits or {}),
        "processor": processor.digest,
    }


def folder_of(facts: Mapping[str, Any], root: Path) -> Path:
    """<root>/<task>/<first 16 digits of the identity's sha256>."""
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return Path(root) / facts["task"] / key


def make_folder(path: Path) -> None:
    """Raises AtlasError where the folder cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AtlasError(f"cannot make {path}: {error.strerror}. Choose another root") from error
    if not os.access(path, os.W_OK):
        raise AtlasError(f"cannot write to {path}. Choose another root")


def build(
    task: Task,
    facts: Mapping[str, Any],
    *,
    final: Path,
    processor: Processor,
    source: Path | None,
    progress: Progress | None,
) -> None:
    """Write everything beside the final folder, then rename it there. The caller holds the lock."""
    clear(final)
    partial = final.parent / f".{final.name}.{uuid.uuid4().hex}.partial"
    partial.mkdir()
    try:
        written = {}
        for split in SPLITS:
            records = itertools.islice(whole(task.read(split, source)), facts["limits"].get(split))
            written[split] = write_split(
                task, records, split=split, folder=partial, processor=processor, progress=progress
            )
        write_card(partial, card_of(task, facts, written, folder=partial, processor=processor))
        partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def whole(records: Iterator[Record | Broken]) -> Iterator[Record]:
    """The records. Raises AtlasError at the first that is broken."""
    for record in records:
        if isinstance(record, Broken):
            raise AtlasError(f"{record.where}: {record.reason}")
        yield record


def clear(final: Path) -> None:
    """Remove what a killed prepare left beside the final folder, and a final folder that lost its files."""
    for left in final.parent.glob(f".{final.name}.*.partial"):
        shutil.rmtree(left)
    if final.exists():
        shutil.rmtree(final)


def card_of(
    task: Task, facts: Mapping[str, Any], written: Mapping[str, Written], *, folder: Path, processor: Processor
) -> dict[str, Any]:
    """What the card says: the identity, the task's declaration, the counts and the digests of the files."""
    names = [path.name for path in folder.glob("*.arrow")]
    digests = file_digests(folder, names)
    flush(folder, names)
    labels = task.answers or tuple(str(i) for i in range(task.choices))
    return {
        **facts,
        **{name: getattr(task, name) for name in ("title", "modality", "choices", "images", "score", "chance")},
        **{name: getattr(task, name) for name in ("licence", "about", "outputs", "classes")},
        **{
            name: getattr(processor, name)
            for name in ("image_size", "max_tokens", "pad_id", "vocab_size", "mean", "std")
        },
        "counts": {split: one.records for split, one in written.items()},
        "pictures": {split: one.pictures for split, one in written.items()},
        "truncated": {split: one.truncated for split, one in written.items()},
        "text_tokens": max(one.longest for one in written.values()),
        "balance": {split: dict(zip(labels, one.mass, strict=True)) for split, one in written.items()},
        "majority": {split: 100 * max(one.mass) / one.records for split, one in written.items()},
        "files": {name: {"bytes": (folder / name).stat().st_size, "sha256": digests[name]} for name in digests},
        "fingerprint": fingerprint(digests),
    }


def flush(folder: Path, names: list[str]) -> None:
    """Have the files on the disk before the rename makes them official."""
    for name in names:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


__all__ = ["Prepared", "Progress", "find_prepared", "prepare"]
