"""The data card as a page of Markdown, `README.md`."""

from __future__ import annotations

from atlas.data.card import DataCard
from atlas.runtime.console import shell
from atlas.runtime.text import by_number, counted
from atlas.tasks.sample import SPLITS
from atlas.tasks.task import REFERENCED, kind_in_words

TOP = 10  # classes in the page's table
CELL = 60  # letters of a free text in it
BROKEN = "broken.jsonl"
PURPOSES = {"train": "learning", "val": "selection", "test": "reporting"}


def page_of(card: DataCard) -> str:
    """The card as a page of Markdown."""
    parts = [
        f"# {card.title}\n\n{card.about}",
        _facts(card),
        f"## Splits\n\n{_splits(card)}",
        f"## Labels\n\n{_balance(card)}",
        *([f"## Broken\n\n{_broken(card)}"] if any(one.count for one in card.broken.values()) else []),
        f"## Again\n\n    {command(card)}\n\ngives files with the same fingerprint, `{card.fingerprint}`; "
        "with `--again` also where they are there.",
    ]
    return "\n\n".join(parts) + "\n"


def command(card: DataCard) -> str:
    """The command that prepares the task again; cards of earlier releases name the backbone by its folder alone."""
    source = ("--source", card.source) if card.source else ()
    return card.again or shell("atlas", "prepare", card.task, *source, "--backbone", card.backbone)


def _facts(card: DataCard) -> str:
    kind = kind_in_words(card.answer_kind, classes=card.classes, choices=card.choices)
    return "\n".join(
        (
            f"- Task: `{card.task}`, version {card.version}, {card.modality}, {card.role}",
            f"- Licence: {card.licence}",
            f"- Score: {card.score}, {kind}; chance {card.chance:.2f} %",
            f"- Shape: {counted(card.images, 'image')} of {card.image_size} × {card.image_size} pixels, "
            f"texts of at most {counted(card.text_tokens, 'token')}",
            f"- Sources: {', '.join(f'{name} {value}' for name, value in sorted(card.sources.items()))}",
        )
    )


def _splits(card: DataCard) -> str:
    lines = [
        "| split | for | records | pictures | texts cut | broken | majority |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for split in SPLITS:
        numbers = [f"{by_split[split]:,}" for by_split in (card.counts, card.pictures, card.truncated)]
        rest = (f"{card.broken[split].count:,}", f"{card.majority[split]:.2f} %")
        lines.append(f"| {' | '.join((split, PURPOSES[split], *numbers, *rest))} |")
    limits = ", ".join(f"the first {limit:,} of {split}" for split, limit in sorted(card.limits.items()))
    notes = [card.split_note, f"Only {limits} were read." if limits else ""]
    notes += [f"Left out by rule, of {split}: {rules}." for split in SPLITS if (rules := card.skipped_by_rule(split))]
    notes += [_overlap(card), *(f"{warning}." for warning in card.warnings() if warning not in card.shared())]
    notes += [f"Pictures of {split}: {changes}." for split in SPLITS if (changes := card.changed_pictures(split))]
    return "\n".join(lines) + "".join(f"\n\n{note}" for note in notes if note)


def _overlap(card: DataCard) -> str:
    if card.overlap is None:
        return ""
    checked = "Compared across splits: ids, pictures as they are stored, and records of the same texts and pictures"
    return f"{checked}. {'; '.join(card.shared()) or 'No two splits share any'}."


def _balance(card: DataCard) -> str:
    train = card.balance["train"]
    top = sorted(train, key=lambda label: (-train[label], label))[:TOP]
    if card.answer_kind == "captions":
        return _captions(card)
    if card.answer_kind in REFERENCED:
        return _commonest(card, top)
    lines = [f"| class | {' | '.join(SPLITS)} |", "|---|---:|---:|---:|"]
    for label in top:
        shares = [100 * card.balance[split][label] / card.counts[split] for split in SPLITS]
        lines.append(f"| {label} | {' | '.join(f'{share:.2f} %' for share in shares)} |")
    more = f"\n\nThe {TOP} largest of {counted(len(train), 'class')}." if len(train) > TOP else ""
    return "\n".join(lines) + more


def _captions(card: DataCard) -> str:
    """The pictures of each split that have so many captions."""
    sizes = list(dict.fromkeys(size for split in SPLITS for size in card.balance[split]))
    lines = [f"| a picture has | {' | '.join(SPLITS)} |", "|---|---:|---:|---:|"]
    for size in sizes:
        shares = [100 * card.balance[split].get(size, 0.0) / card.counts[split] for split in SPLITS]
        lines.append(f"| {size} | {' | '.join(f'{share:.2f} %' for share in shares)} |")
    total = ", ".join(f"{split} {card.captions[split]:,}" for split in SPLITS)
    return "\n".join([*lines, "", f"Captions: {total}. The majority is what a random ranking scores."])


def _commonest(card: DataCard, top: list[str]) -> str:
    """The commonest texts of training; other splits list their own."""
    shares = [(cell(label), 100 * card.balance["train"][label] / card.counts["train"]) for label in top]
    rows = [f"| {label} | {share:.2f} % |" for label, share in shares]
    return "\n".join(["| answer | train |", "|---|---:|", *rows, "", "The commonest of its free texts."])


def cell(text: str) -> str:
    """A text as a cell of a table: in one line, without bars of its own, cut at CELL letters."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= CELL else f"{line[: CELL - 1]}…"


def _broken(card: DataCard) -> str:
    lines = []
    for split in SPLITS:
        entry = card.broken[split]
        if entry.count:
            lines.append(
                f"{split}: {entry.count:,} of {counted(entry.of, 'record')} {by_number(entry.count, 'was', 'were')} "
                f"left out, the first of them:\n"
            )
            lines += [f"- {one.where}: {one.reason}" for one in entry.first]
    return "\n".join(lines) + f"\n\nAll of them are in `{BROKEN}`."
