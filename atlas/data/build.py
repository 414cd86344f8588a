"""The build of one prepared folder: read all splits, encode their shards, join them, write the card."""

from __future__ import annotations

import itertools
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from atlas.backbones.processor import Processor
from atlas.data.card import DataIdentity, read_card
from atlas.data.card_writer import Contents, write_cards
from atlas.data.executor import Executor, ray_cluster, wants_ray
from atlas.data.options import PhaseProgress, PrepareOptions
from atlas.data.overlap import overlaps
from atlas.data.picture_files import pictures_changed
from atlas.data.reading import Outline, Reader
from atlas.data.record_stream import read_records
from atlas.data.refusal import HOPELESS, over, refuse_broken, refuse_tied
from atlas.data.shard import ShardContext, writing
from atlas.data.writer import Joiner
from atlas.runtime.errors import AccessDenied
from atlas.runtime.os_errors import error_from
from atlas.tasks.sample import SPLITS
from atlas.tasks.task import Task


def make_folder(path: Path) -> None:
    """Raises UserError where the folder cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise error_from(error, f"cannot make {path}: {error.strerror}; give another --storage.") from error
    if not os.access(path, os.W_OK):
        raise AccessDenied(f"cannot write to {path}; give another --storage.")


@dataclass(frozen=True)
class Build:
    """The build of one folder. The caller holds its lock."""

    task: Task
    identity: DataIdentity
    final: Path
    processor: Processor
    source: Path | None

    @property
    def work(self) -> Path:
        """The folder of the shards until they are joined; those that a killed process finished are found there."""
        return self.beside(".work")

    @property
    def refused(self) -> Path:
        """The file of the broken records for which it was refused."""
        return self.beside("-broken.jsonl")

    def beside(self, suffix: str) -> Path:
        """A hidden file or folder that is the same when pictures in the source are repaired."""
        return self.final.parent / f".{self.identity.without_folders().key()}{suffix}"

    def ensure(self, prepare_options: PrepareOptions) -> bool:
        """Build the folder unless it is there, and is not wanted again; whether it was built."""
        if self.is_there(prepare_options):
            return False
        make_folder(self.final.parent)
        with FileLock(self.beside(".lock")):
            if self.is_there(prepare_options):
                return False
            self.run(prepare_options)
        return True

    def is_there(self, prepare_options: PrepareOptions) -> bool:
        """Whether the folder is whole, of the pictures that are in the source now, and not wanted again."""
        if prepare_options.again or not read_card(self.final):
            return False
        return self.source is None or not pictures_changed(self.final, SPLITS, self.source)

    def run(self, prepare_options: PrepareOptions) -> None:
        """Build the folder. All splits are read before the first picture is opened.

        Raises UserError for too many broken records, of all splits and pictures at once.
        """
        self.clear(prepare_options)
        self.work.mkdir(exist_ok=True)
        refused_early = False
        try:
            with ExitStack() as stack:
                outlines = {}
                for split in SPLITS:
                    outlines[split] = self.read(split, prepare_options)
                    stack.callback(outlines[split].close)
                most = prepare_options.most_broken
                refused_early = bool(over(outlines.values(), most))
                if over(outlines.values(), max(most, HOPELESS)):
                    self.check(outlines, most)
                self.encode(outlines, prepare_options)
                self.join(outlines, prepare_options)
            shutil.rmtree(self.work)
            self.refused.unlink(missing_ok=True)
        finally:
            if self.work.exists() and (refused_early or not any(self.work.glob("*.arrow"))):
                shutil.rmtree(self.work)

    def check(self, outlines: Mapping[str, Outline], most: float) -> None:
        """Raises UserError where more than the share `most` of a split's records are broken."""
        refuse_broken(self.task.name, outlines.values(), most=most, path=self.refused)

    def clear(self, prepare_options: PrepareOptions) -> None:
        """Remove partly joined folders of killed processes, and a final folder that lost its files."""
        for left in self.final.parent.glob(f".{self.final.name}.*.partial"):
            shutil.rmtree(left)
        if prepare_options.again:
            shutil.rmtree(self.work, ignore_errors=True)
        elif self.final.exists() and not read_card(self.final):
            shutil.rmtree(self.final)

    def read(self, split: str, prepare_options: PrepareOptions) -> Outline:
        """Read a split, or its first records."""
        records = itertools.islice(read_records(self.task, split, self.source), self.identity.limits.get(split))
        reader = Reader(self.task, split, folder=self.work, processor=self.processor, source=self.source)
        return reader.read(records, prepare_options)

    def encode(self, outlines: Mapping[str, Outline], prepare_options: PrepareOptions) -> None:
        """Encode every shard."""
        pictures = sum(outline.pictures.total for outline in outlines.values())
        ray = wants_ray(pictures) if prepare_options.ray is None else prepare_options.ray
        with ray_cluster(ray):
            executor = Executor(self.work, ShardContext(task=self.task, processor=self.processor), ray=ray)
            for split, outline in outlines.items():
                executor.run(
                    outline.pictures, PhaseProgress(prepare_options, split, "pictures", outline.pictures.total)
                )
                executor.run(outline.records, PhaseProgress(prepare_options, split, "texts", outline.records.total))

    def join(self, outlines: Mapping[str, Outline], prepare_options: PrepareOptions) -> None:
        """Write all files into a temporary folder beside the final one, then rename it."""
        partial = self.final.parent / f".{self.final.name}.{uuid.uuid4().hex}.partial"
        partial.mkdir()
        try:
            joiners = {
                split: Joiner(self.task, self.processor, outline, work=self.work, folder=partial, source=self.source)
                for split, outline in outlines.items()
            }
            for joiner in joiners.values():
                joiner.join_records()
            self.check(outlines, prepare_options.most_broken)
            tied = {split: (joiner.count, joiner.tied) for split, joiner in joiners.items()}
            refuse_tied(self.task.name, tied, most=prepare_options.most_tied, tokens=self.processor.max_tokens)
            joined = {split: joiner.join(prepare_options) for split, joiner in joiners.items()}
            contents = Contents(
                task=self.task,
                processor=self.processor,
                source=self.source,
                outlines=outlines,
                joined=joined,
                limited=bool(self.identity.limits),
                overlap=overlaps({split: joiner.digests for split, joiner in joiners.items()}),
                most_broken=prepare_options.most_broken,
                most_tied=prepare_options.most_tied,
            )
            with writing(self.final.parent):
                write_cards(partial, self.identity, contents)
                if self.final.exists():
                    shutil.rmtree(self.final)
                partial.rename(self.final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
