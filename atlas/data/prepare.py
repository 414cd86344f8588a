"""Decode, resize and tokenise a task once, into Arrow files that training maps into memory.

The folder's name is a digest of everything that decides its content: the task and its version, its sources,
the limits, and the processor. So it is found again at no cost, and stale data is never read.

A split is read once, which cuts its work into shards (`reading`); the shards are encoded by threads or by Ray Data
(`executor`), each a file in a hidden folder that outlives the process; then they are joined (`writer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from atlas.backbones.processor import Processor
from atlas.data.build import Build
from atlas.data.card import DataIdentity, read_card
from atlas.data.index import IndexEntry, index_path, read_index, write_index
from atlas.data.options import PrepareOptions
from atlas.data.prepared import Prepared
from atlas.data.refusal import refuse_found, refuse_tied
from atlas.data.task_check import check_distinct, check_task, sources_of
from atlas.runtime.errors import UserError, unknown
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
    once, one works and the others wait. The folder appears whole or not at all; shards that a killed process finished
    are used again.

    Raises:
        UserError: a missing source, or files missing there; an unwritable root; an empty split; more broken or tied
            records than the options allow.
    """
    check_limits(limits)
    chosen = prepare_options or PrepareOptions()
    if source is None and task.layout is not None:
        known = known_folder_or_source(task, processor=processor, root=root, limits=limits, again=chosen.again)
        if isinstance(known, Prepared):
            return within_limit(known, chosen)
        source = known
    task = task.at(source)
    check_task(task, processor)
    identity = identity_of(task, processor=processor, source=source, limits=limits)
    build = Build(task, identity, final=folder_of(identity, root), processor=processor, source=source)
    if not chosen.same_files and (chosen.strict or read_card(build.final) is None):
        check_distinct(task, identity.sources)
    made = build.ensure(chosen)
    if source is not None:
        entry = IndexEntry(
            folder=build.final.name, source=str(Path(source).resolve()), recipe=RECIPE, version=task.version
        )
        write_index(index_path(root, task.name, processor=processor.digest, limits=limits), entry)
    return within_limit(replace(Prepared.load(build.final), made=made), chosen)


def within_limit(prepared: Prepared, prepare_options: PrepareOptions) -> Prepared:
    """The prepared data. Raises UserError where it has more broken or tied records than strict options allow."""
    if prepare_options.strict:
        card = prepared.card
        refuse_found(card, most=prepare_options.most_broken, folder=prepared.path)
        tied = {split: (card.counts[split], count) for split, count in card.tied.items()}
        refuse_tied(card.task, tied, most=prepare_options.most_tied, tokens=card.max_tokens)
    return prepared


def find_prepared(
    task: Task,
    *,
    processor: Processor,
    root: Path,
    source: Path | None = None,
    limits: Mapping[str, int] | None = None,
) -> Prepared | None:
    """The prepared data of a task by its card and its files' sizes; None where it was never prepared."""
    check_limits(limits)
    if source is None and task.layout is not None:
        known = known_folder_or_source(task, processor=processor, root=root, limits=limits)
        return known if isinstance(known, Prepared) else None
    task = task.at(source)
    final = folder_of(identity_of(task, processor=processor, source=source, limits=limits), root)
    return Prepared.load(final) if read_card(final) else None


def known_folder_or_source(
    task: Task, *, processor: Processor, root: Path, limits: Mapping[str, int] | None, again: bool = False
) -> Prepared | Path | None:
    """The task's prepared data by the index, or else the source that it was prepared from; None if it never was.

    again: the source, in any case.
    """
    entry = read_index(index_path(root, task.name, processor=processor.digest, limits=limits))
    if entry is None:
        return None
    folder = Path(root) / task.name / entry.folder
    if not again and (entry.recipe, entry.version) == (RECIPE, task.version) and read_card(folder):
        return Prepared.load(folder)
    return Path(entry.source)


def check_limits(limits: Mapping[str, int] | None) -> None:
    """Raises UserError for an unknown split, or a limit below 1."""
    for split, limit in (limits or {}).items():
        if split not in SPLITS:
            raise unknown("split in limits", split, SPLITS)
        if limit < 1:
            raise UserError(f"the limit of {split!r} is {limit}, should be at least 1")


def identity_of(
    task: Task, *, processor: Processor, source: Path | None, limits: Mapping[str, int] | None
) -> DataIdentity:
    """Everything that decides the files. task: as its source has it. Raises UserError on a missing source."""
    if source is not None and not Path(source).is_dir():
        how = task.had_from or "Download the task and name it"
        raise UserError(f"{task.name}: the source {str(source)!r} is not a folder. {how}")
    return DataIdentity(
        recipe=RECIPE,
        task=task.name,
        version=task.version,
        answers=task.answers,
        sources=sources_of(task, source),
        limits=dict(limits or {}),
        processor=processor.digest,
    )


def folder_of(identity: DataIdentity, root: Path) -> Path:
    """<root>/<task>/<key of the identity>."""
    return Path(root) / identity.task / identity.key()


__all__ = ["PrepareOptions", "Prepared", "find_prepared", "prepare"]
