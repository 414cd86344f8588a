"""Build a prepared folder's data card from its content, and write `card.json`, `README.md` and `broken.jsonl`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.backbones.base import name_of
from atlas.backbones.processor import Processor
from atlas.data.card import DataCard, DataFile, DataIdentity, SplitCounts, write_card
from atlas.data.card_page import BROKEN, page_of
from atlas.data.options import MOST_BROKEN, MOST_TIED
from atlas.data.prepared import file_digests, fingerprint
from atlas.data.reading import Outline
from atlas.data.refusal import write_list
from atlas.data.writer import JoinedSplit
from atlas.runtime.console import shell
from atlas.runtime.text import by_number, counted
from atlas.tasks.task import Task
from atlas.tasks.user_task import task_address


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The content that a card describes: the task with its answers, the processor, the source, and each split.

    overlap: what two splits share. limited: whether only the first records were read.
    most_broken, most_tied: the shares of broken and of tied records that were allowed.
    """

    task: Task
    processor: Processor
    source: Path | None
    outlines: Mapping[str, Outline]
    joined: Mapping[str, JoinedSplit]
    overlap: dict[str, dict[str, int]]
    limited: bool
    most_broken: float = MOST_BROKEN
    most_tied: float = 1.0


def write_cards(folder: Path, identity: DataIdentity, contents: Contents) -> None:
    """Write `broken.jsonl` (where any record is broken), `README.md` and, last of all, `card.json`."""
    if any(outline.broken.count for outline in contents.outlines.values()):
        write_list(folder / BROKEN, (outline.broken for outline in contents.outlines.values()))
    card = card_of(folder, identity, contents)
    (folder / "README.md").write_text(page_of(card), encoding="utf-8")
    write_card(folder, card)


def card_of(folder: Path, identity: DataIdentity, contents: Contents) -> DataCard:
    """The card of the files in the folder, which are flushed to the disk."""
    names = [path.name for path in folder.glob("*.arrow")]
    digests = file_digests(folder, names)
    flush(folder, names)
    task, processor = contents.task, contents.processor
    files = {name: DataFile(bytes=(folder / name).stat().st_size, sha256=digests[name]) for name in digests}
    return DataCard(
        **dict(identity),
        **dict(counts_of(contents)),
        title=task.title,
        modality=task.modality,
        role=task.role,
        choices=task.choices,
        images=task.images,
        score=task.score,
        chance=contents.joined["test"].majority if task.answer_kind == "captions" else task.chance,
        licence=task.licence,
        about=task.about,
        outputs=task.outputs,
        classes=task.classes,
        split_note=task.split_note,
        image_size=processor.image_size,
        max_tokens=processor.max_tokens,
        pad_id=processor.pad_id,
        vocab_size=processor.vocab_size,
        mean=processor.mean,
        std=processor.std,
        backbone=processor.folder.name,
        source=str(contents.source) if contents.source else None,
        again=command_of(contents),
        files=files,
        fingerprint=fingerprint(digests),
    )


def command_of(contents: Contents) -> str:
    """The command that prepares the task again, as a shell takes it."""
    words = ["atlas", "prepare", task_address(contents.task.name)]
    words += ["--source", str(contents.source)] if contents.source else []
    words += ["--backbone", name_of(contents.processor.folder)]
    fewer = contents.processor.max_tokens < contents.processor.most_tokens
    words += ["--tokens", str(contents.processor.max_tokens)] if fewer else []
    words += ["--most-broken", f"{contents.most_broken:g}"] if contents.most_broken != MOST_BROKEN else []
    tied = any(one.tied > MOST_TIED * one.records for one in contents.joined.values())
    words += ["--most-tied", f"{contents.most_tied:g}"] if tied else []
    return shell(*words)


def counts_of(contents: Contents) -> SplitCounts:
    """The counts of each split."""
    task, joined, outlines = contents.task, contents.joined, contents.outlines
    return SplitCounts(
        counts={split: one.records for split, one in joined.items()},
        pictures={split: one.pictures for split, one in joined.items()},
        truncated={split: one.truncated for split, one in joined.items()},
        text_tokens=max(one.longest for one in joined.values()),
        balance={split: dict(one.balance) for split, one in joined.items()},
        majority={split: one.majority for split, one in joined.items()},
        skipped={split: dict(one.broken.skipped) for split, one in outlines.items()},
        broken={split: one.broken.summary(one.seen) for split, one in outlines.items()},
        overlap=contents.overlap,
        tied={split: one.tied for split, one in joined.items()},
        texts={split: one.texts for split, one in joined.items()},
        captions={split: one.captions for split, one in joined.items()} if task.answer_kind == "captions" else {},
        unlike=() if contents.limited else unlike_published(task, outlines),
        changed={split: dict(one.changed) for split, one in joined.items()},
    )


def unlike_published(task: Task, outlines: Mapping[str, Outline]) -> tuple[str, ...]:
    """The published files of which another number of records was read, left out by rule or not, in a line each."""
    said = []
    for splits, count in task.published:
        parts = [outlines[split] for split in splits.split("+")]
        seen, skipped = sum(one.seen for one in parts), sum(sum(one.broken.skipped.values()) for one in parts)
        if count not in (seen, seen - skipped):
            said.append(
                f"{splits}: {counted(seen, 'record')}, {count:,} {by_number(count, 'is', 'are')} published: is the "
                f"download whole?"
            )
    return tuple(said)


def flush(folder: Path, names: list[str]) -> None:
    """Flush the files to the disk before the folder's rename makes them official."""
    for name in names:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
