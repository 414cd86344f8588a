"""The data card: what a prepared folder holds, for programs (`card.json`) and for people (`README.md`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas.backbones.processor import Processor
from atlas.data.prepared import file_digests, fingerprint, write_card
from atlas.data.reading import Outline
from atlas.data.writer import Written
from atlas.tasks.sample import SPLITS
from atlas.tasks.task import Task

TOP = 10  # classes in the page's table
BROKEN = "broken.jsonl"
PURPOSES = {"train": "learning", "val": "selection", "test": "reporting"}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that a card tells of: the task with its answers, the processor, the source, and what each split came to."""

    task: Task
    processor: Processor
    source: Path | None
    outlines: Mapping[str, Outline]
    written: Mapping[str, Written]


def write_cards(folder: Path, facts: Mapping[str, Any], contents: Contents) -> None:
    """Write `broken.jsonl` (where anything is), `README.md` and, last of all, `card.json`."""
    if any(outline.faults.count for outline in contents.outlines.values()):
        with (folder / BROKEN).open("w", encoding="utf-8") as file:
            for outline in contents.outlines.values():
                with outline.faults.path.open(encoding="utf-8") as lines:
                    file.writelines(lines)
    card = card_of(folder, facts, contents)
    (folder / "README.md").write_text(page_of(card), encoding="utf-8")
    write_card(folder, card)


def card_of(folder: Path, facts: Mapping[str, Any], contents: Contents) -> dict[str, Any]:
    """The identity, the task's declaration, the processor's, the counts, what was broken, and the files' digests."""
    names = [path.name for path in folder.glob("*.arrow")]
    digests = file_digests(folder, names)
    flush(folder, names)
    task, processor = contents.task, contents.processor
    declared = ("title", "modality", "role", "choices", "images", "score", "chance", "licence", "about", "outputs")
    encoded = ("image_size", "max_tokens", "pad_id", "vocab_size", "mean", "std")
    return {
        **facts,
        **{name: getattr(task, name) for name in (*declared, "classes", "split_note")},
        **{name: getattr(processor, name) for name in encoded},
        **counts_of(contents),
        "backbone": processor.folder.name,
        "source": str(contents.source) if contents.source else None,
        "files": {name: {"bytes": (folder / name).stat().st_size, "sha256": digests[name]} for name in digests},
        "fingerprint": fingerprint(digests),
    }


def counts_of(contents: Contents) -> dict[str, Any]:
    """What was counted. majority: the score of the best constant answer, in percent: the share of the largest class
    or, where scores are soft, the highest mean score of a class.
    """
    task, written = contents.task, contents.written
    labels = task.answers or tuple(str(i) for i in range(task.choices))
    return {
        "counts": {split: one.records for split, one in written.items()},
        "pictures": {split: one.pictures for split, one in written.items()},
        "truncated": {split: one.truncated for split, one in written.items()},
        "text_tokens": max(one.longest for one in written.values()),
        "balance": {split: dict(zip(labels, one.mass, strict=True)) for split, one in written.items()},
        "majority": {split: 100 * max(one.mass) / one.records for split, one in written.items()},
        "skipped": {split: dict(sorted(one.faults.skipped.items())) for split, one in contents.outlines.items()},
        "broken": {split: one.faults.entry(one.seen) for split, one in contents.outlines.items()},
    }


def flush(folder: Path, names: list[str]) -> None:
    """Have the files on the disk before the rename makes them official."""
    for name in names:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def page_of(card: Mapping[str, Any]) -> str:
    """The card as a page of Markdown."""
    parts = [
        f"# {card['title']}\n\n{card['about']}",
        _facts(card),
        f"## Splits\n\n{_splits(card)}",
        f"## Labels\n\n{_balance(card)}",
        *([f"## Broken\n\n{_broken(card)}"] if any(one["count"] for one in card["broken"].values()) else []),
        f"## Again\n\n    {command(card)}\n\ngives files with the same fingerprint, `{card['fingerprint']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def command(card: Mapping[str, Any]) -> str:
    """What prepares the task again. The backbone is named by its folder."""
    source = f" --source {card['source']}" if card["source"] else ""
    return f"atlas prepare {card['task']}{source} --backbone {card['backbone']}"


def _facts(card: Mapping[str, Any]) -> str:
    kind = f"{card['choices']} choices" if card["choices"] > 1 else f"{card['classes']:,} classes"
    return "\n".join(
        (
            f"- Task: `{card['task']}`, version {card['version']}, {card['modality']}, {card['role']}",
            f"- Licence: {card['licence']}",
            f"- Score: {card['score']}, {kind}; chance {card['chance']:.2f} %",
            f"- Shape: {card['images']} image(s) of {card['image_size']} × {card['image_size']} pixels, "
            f"texts of at most {card['text_tokens']} tokens",
            f"- Sources: {', '.join(f'{name} {value}' for name, value in sorted(card['sources'].items()))}",
        )
    )


def _splits(card: Mapping[str, Any]) -> str:
    lines = [
        "| split | for | records | pictures | texts cut | broken | majority |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for split in SPLITS:
        numbers = [f"{card[name][split]:,}" for name in ("counts", "pictures", "truncated")]
        rest = (f"{card['broken'][split]['count']:,}", f"{card['majority'][split]:.2f} %")
        lines.append(f"| {' | '.join((split, PURPOSES[split], *numbers, *rest))} |")
    limits = ", ".join(f"the first {limit:,} of {split}" for split, limit in sorted(card["limits"].items()))
    notes = [card["split_note"], f"Only {limits} were read." if limits else ""]
    notes += [f"Left out by rule, of {split}: {told}." for split in SPLITS if (told := skipped(card, split))]
    return "\n".join(lines) + "".join(f"\n\n{note}" for note in notes if note)


def skipped(card: Mapping[str, Any], split: str) -> str:
    """How many records of a split were left out by which rule of the task; "" where none was."""
    return "; ".join(f"{count:,} ({reason})" for reason, count in sorted(card["skipped"][split].items()))


def _balance(card: Mapping[str, Any]) -> str:
    train = card["balance"]["train"]
    top = sorted(train, key=lambda label: (-train[label], label))[:TOP]
    lines = [f"| class | {' | '.join(SPLITS)} |", "|---|---:|---:|---:|"]
    for label in top:
        shares = [100 * card["balance"][split][label] / card["counts"][split] for split in SPLITS]
        lines.append(f"| {label} | {' | '.join(f'{share:.2f} %' for share in shares)} |")
    more = f"\n\nThe {TOP} largest of {len(train):,} classes." if len(train) > TOP else ""
    return "\n".join(lines) + more


def _broken(card: Mapping[str, Any]) -> str:
    lines = []
    for split in SPLITS:
        entry = card["broken"][split]
        if entry["count"]:
            lines.append(f"{split}: {entry['count']:,} of {entry['of']:,} records were left out, the first of them:\n")
            lines += [f"- {one['where']}: {one['reason']}" for one in entry["first"]]
    return "\n".join(lines) + f"\n\nAll of them are in `{BROKEN}`."
