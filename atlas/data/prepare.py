"""Decode, resize and tokenise a task once, into Arrow files that training maps into memory.

The folder's name is a digest of everything that decides its content: the task and its version, its sources,
the limits, and the processor. So it is found again at no cost, and nothing stale is ever read.

A split is read once, which cuts its work into shards (`reading`); the shards are done by threads or by Ray Data
(`executor`), each a file in a hidden folder that outlives the process; then they are joined (`writer`).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from atlas.backbones.processor import Processor
from atlas.data.card import Contents, write_cards
from atlas.data.executor import Executor, joined, wants_ray
from atlas.data.index import Origin, index_path, recall, remember
from atlas.data.options import Phase, PrepareOptions
from atlas.data.prepared import Prepared, read_card
from atlas.data.reading import Outline, Reader
from atlas.data.shard import ShardContext, writing
from atlas.data.writer import Joiner, Written
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import AtlasError, unknown
from atlas.tasks.sample import SPLITS
from atlas.tasks.task import Task

RECIPE = 3  # raised by hand when the files' layout changes


def prepare(
    task: Task,
    *,
    processor: Processor,
    root: Path,
    source: Path | None = None,
    limits: Mapping[str, int] | None = None,
    prepare_options: PrepareOptions | None = None,
) -> Prepared:
    """The prepared data of a task under root, made if it is not there yet.

    source: where the task's published files lie, for one that does not bring its own; where it was prepared before,
    the source is known. limits: split -> how many of its first records to take. Of several processes that ask at
    once, one works and the others wait. The folder appears whole or not at all; what a process had done that was
    killed is not done again.

    Raises:
        AtlasError: a missing source, or files missing there; an unwritable root; an empty split; more broken records
            than the manner allows.
    """
    check_limits(limits)
    if source is None and task.layout is not None:
        known = remembered(task, processor=processor, root=root, limits=limits)
        if isinstance(known, Prepared):
            return known
        source = known
    task = task.at(source)
    facts = identity(task, processor=processor, source=source, limits=limits)
    final = folder_of(facts, root)
    if not read_card(final):
        make_folder(final.parent)
        with FileLock(final.parent / f".{final.name}.lock"):
            if not read_card(final):
                Build(task, facts, final=final, processor=processor, source=source).run(
                    prepare_options or PrepareOptions()
                )
    if source is not None:
        origin = Origin(folder=final.name, source=str(Path(source).resolve()), recipe=RECIPE, version=task.version)
        remember(index_path(root, task.name, processor=processor.digest, limits=limits), origin)
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
    check_limits(limits)
    if source is None and task.layout is not None:
        known = remembered(task, processor=processor, root=root, limits=limits)
        return known if isinstance(known, Prepared) else None
    task = task.at(source)
    final = folder_of(identity(task, processor=processor, source=source, limits=limits), root)
    return Prepared.load(final) if read_card(final) else None


def remembered(
    task: Task, *, processor: Processor, root: Path, limits: Mapping[str, int] | None
) -> Prepared | Path | None:
    """What a task was prepared into before, or else the source that it was prepared from; None if it never was."""
    origin = recall(index_path(root, task.name, processor=processor.digest, limits=limits))
    if origin is None:
        return None
    folder = Path(root) / task.name / origin.folder
    if (origin.recipe, origin.version) == (RECIPE, task.version) and read_card(folder):
        return Prepared.load(folder)
    return Path(origin.source)


def check_limits(limits: Mapping[str, int] | None) -> None:
    """Raises AtlasError for a split that there is not, or a limit below 1."""
    for split, limit in (limits or {}).items():
        if split not in SPLITS:
            raise unknown("split in limits", split, SPLITS)
        if limit < 1:
            raise AtlasError(f"the limit of {split!r} is {limit}, should be at least 1")


def identity(
    task: Task, *, processor: Processor, source: Path | None, limits: Mapping[str, int] | None
) -> dict[str, Any]:
    """Everything that decides the files. task: as its source has it. Raises AtlasError on a missing source."""
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
    key = text_sha256(json.dumps(facts, sort_keys=True))[:16]
    return Path(root) / facts["task"] / key


def make_folder(path: Path) -> None:
    """Raises AtlasError where the folder cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AtlasError(f"cannot make {path}: {error.strerror}. Choose another root") from error
    if not os.access(path, os.W_OK):
        raise AtlasError(f"cannot write to {path}. Choose another root")


@dataclass(frozen=True)
class Build:
    """One folder in the making. The caller holds its lock."""

    task: Task
    facts: Mapping[str, Any]
    final: Path
    processor: Processor
    source: Path | None

    @property
    def work(self) -> Path:
        """Where the shards lie until they are joined; what a killed process finished is found there."""
        return self.final.parent / f".{self.final.name}.work"

    def run(self, prepare_options: PrepareOptions) -> None:
        """Make the folder. All splits are read before the first picture is opened."""
        self.clear()
        self.work.mkdir(exist_ok=True)
        try:
            with ExitStack() as stack:
                outlines = {}
                for split in SPLITS:
                    outlines[split] = self.read(split, prepare_options)
                    stack.callback(outlines[split].close)
                self.encode(outlines, prepare_options)
                self.join(outlines, prepare_options)
            shutil.rmtree(self.work)
        finally:
            if self.work.exists() and not any(self.work.glob("*.arrow")):
                shutil.rmtree(self.work)

    def clear(self) -> None:
        """Remove what a killed process had half joined, and a final folder that lost its files."""
        for left in self.final.parent.glob(f".{self.final.name}.*.partial"):
            shutil.rmtree(left)
        if self.final.exists():
            shutil.rmtree(self.final)

    def read(self, split: str, prepare_options: PrepareOptions) -> Outline:
        """Read a split, or its first records."""
        records = itertools.islice(self.task.read(split, self.source), self.facts["limits"].get(split))
        reader = Reader(self.task, split, folder=self.work, processor=self.processor, source=self.source)
        return reader.read(records, prepare_options)

    def encode(self, outlines: Mapping[str, Outline], prepare_options: PrepareOptions) -> None:
        """Have every shard done."""
        pictures = sum(outline.pictures.total for outline in outlines.values())
        ray = wants_ray(pictures) if prepare_options.ray is None else prepare_options.ray
        with joined(ray):
            executor = Executor(self.work, ShardContext(task=self.task, processor=self.processor), ray=ray)
            for split, outline in outlines.items():
                executor.work(outline.pictures, Tally(prepare_options, split, "pictures", outline.pictures.total))
                executor.work(outline.records, Tally(prepare_options, split, "texts", outline.records.total))

    def join(self, outlines: Mapping[str, Outline], prepare_options: PrepareOptions) -> None:
        """Write everything beside the final folder, then rename it there."""
        partial = self.final.parent / f".{self.final.name}.{uuid.uuid4().hex}.partial"
        partial.mkdir()
        try:
            written: dict[str, Written] = {}
            for split, outline in outlines.items():
                joiner = Joiner(self.task, self.processor, outline, work=self.work, folder=partial)
                written[split] = joiner.join(prepare_options)
            contents = Contents(
                task=self.task, processor=self.processor, source=self.source, outlines=outlines, written=written
            )
            with writing(self.final.parent):
                write_cards(partial, self.facts, contents)
                partial.rename(self.final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


class Tally:
    """Adds up what is done of a phase and tells it."""

    def __init__(self, prepare_options: PrepareOptions, split: str, phase: Phase, total: int) -> None:
        self.prepare_options, self.split, self.phase, self.total, self.done = prepare_options, split, phase, total, 0
        self(0)

    def __call__(self, items: int) -> None:
        self.done += items
        self.prepare_options.tell(self.split, self.phase, self.done, self.total)


__all__ = ["PrepareOptions", "Prepared", "find_prepared", "prepare"]
