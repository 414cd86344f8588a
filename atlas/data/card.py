"""The data card: the record of a prepared folder's content, `card.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from atlas.data.text_counts import TextCounts
from atlas.runtime.digest import text_sha256
from atlas.runtime.text import by_number, counted
from atlas.tasks.task import AnswerKind, Modality, Role, Scoring, answer_kind

CARD = "card.json"
SCHEMA = 1
MOSTLY = 50.0  # percent that a random ranking scores, from which on there is little to learn


class DataIdentity(BaseModel):
    """Everything that decides the files of a prepared folder.

    `recipe` is the version of their layout, `version` that of the task's reader, `sources` the digests or versions of
    its published files, `limits` the number of first records taken of a split, `processor` the processor's digest.
    """

    model_config = ConfigDict(frozen=True)

    recipe: int
    task: str
    version: int
    answers: tuple[str, ...]
    sources: dict[str, str]
    limits: dict[str, int]
    processor: str

    def key(self) -> str:
        """The folder's name: the first 16 digits of the sha256 of the identity as sorted JSON."""
        facts = self.model_dump(mode="json", include=set(DataIdentity.model_fields))
        return text_sha256(json.dumps(facts, sort_keys=True))[:16]

    def without_folders(self) -> DataIdentity:
        """The identity but for its folders of pictures, so that a repaired one goes on with what was done."""
        files = {name: value for name, value in self.sources.items() if not name.endswith("/")}
        return self.model_copy(update={"sources": files})


class BrokenRecord(BaseModel):
    """A record that could not be read: its place (`file:line`, or `file: record id`) and the reason."""

    model_config = ConfigDict(frozen=True)

    where: str
    reason: str


class BrokenCount(BaseModel):
    """The broken records of a split: how many of how many that were read, and the first of them."""

    model_config = ConfigDict(frozen=True)

    count: int
    of: int
    first: tuple[BrokenRecord, ...]


class DataFile(BaseModel):
    """The size and sha256 of one Arrow file."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class SplitCounts(BaseModel):
    """The counts of a prepared folder, by split.

    counts: records. pictures: distinct ones. truncated: texts that were cut. text_tokens: of the longest text of all.
    balance: label → records (or the sum of its scores); of free texts the commonest ones alone, of captions their
    numbers. majority: the score of the best constant answer, of free texts that of the commonest one, of captions that
    of a random ranking, in percent.
    skipped: rule of the task → records left out by it. broken: records left out because they cannot be read.
    overlap: `train and test` → kind → what of the second is in the first, too; None where it was not looked for.
    tied: records of which two choices are the same tokens. texts: further counts of texts, of a task of captions of
    these. captions: their number, of such a task alone.
    unlike: how the source differs from the published counts.
    changed: change that shows a picture as people see it → pictures; None where an earlier release did not make them.
    """

    model_config = ConfigDict(frozen=True)

    counts: dict[str, int]
    pictures: dict[str, int]
    truncated: dict[str, int]
    text_tokens: int
    balance: dict[str, dict[str, float]]
    majority: dict[str, float]
    skipped: dict[str, dict[str, int]] = {}
    broken: dict[str, BrokenCount] = {}
    changed: dict[str, dict[str, int]] | None = None
    overlap: dict[str, dict[str, int]] | None = None
    tied: dict[str, int] = {}
    texts: dict[str, TextCounts] = {}
    captions: dict[str, int] = {}
    unlike: tuple[str, ...] = ()


class DataCard(DataIdentity, SplitCounts):
    """The card of a prepared folder: identity, counts, the task's declaration, the processor's, and its files.

    Fields with a default are missing from the cards of earlier releases.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA
    title: str
    modality: Modality
    role: Role = "upstream"
    choices: int
    images: int
    score: Scoring
    chance: float
    licence: str
    about: str
    outputs: int
    classes: int
    split_note: str = ""
    image_size: int
    max_tokens: int
    pad_id: int
    vocab_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    backbone: str
    source: str | None = None
    again: str = ""
    files: dict[str, DataFile]
    fingerprint: str

    @property
    def answer_kind(self) -> AnswerKind:
        """The kind of the task's answers."""
        return answer_kind(self.score, self.choices)

    @property
    def texts_encoded(self) -> int:
        """The texts of a record that are encoded in training: its choices, or its captions on average."""
        return round(self.captions["train"] / self.counts["train"]) if self.captions else self.choices

    def skipped_by_rule(self, split: str) -> str:
        """The records of a split that were left out by each rule of the task, in a line; "" where none was."""
        return "; ".join(f"{count:,} ({rule})" for rule, count in sorted(self.skipped.get(split, {}).items()))

    def warnings(self) -> list[str]:
        """What people should know before they use it, in a line each."""
        tied = [tied_text(split, self.counts[split], count) for split, count in self.tied.items() if count]
        return [*self.shared(), *tied, *self.one_sided(), *self.few_candidates(), *self.lost_texts(), *self.unlike]

    def few_candidates(self) -> list[str]:
        """The splits of captions in which a random ranking is mostly right, in a line each."""
        return [
            f"a random ranking scores {self.majority[split]:.0f} by {self.score} on {split}, which has "
            f"{counted(self.counts[split], 'picture')}: score it by a smaller k, or give it more pictures"
            for split in self.captions
            if self.majority[split] > MOSTLY
        ]

    def one_sided(self) -> list[str]:
        """The splits whose records all have the same label, in a line each: no model that knows it can be wrong."""
        if self.answer_kind == "captions":
            return []
        found = {split: [label for label, count in self.balance[split].items() if count] for split in self.counts}
        return [
            f"all of {counted(self.counts[split], 'record')} of {split} have the label {labels[0]!r}"
            for split, labels in found.items()
            if len(labels) == 1 and self.counts[split] > 1
        ]

    def lost_texts(self) -> list[str]:
        """What the texts of each split lose on their way to the model, in a line each."""
        said = []
        for split, one in self.texts.items():
            total = self.captions.get(split, self.counts[split] * self.choices)
            answers = f", in {one.answers_cut:,} the answer itself" if one.answers_cut else ""
            if one.cut:
                were = by_number(one.cut, "was", "were")
                said.append(
                    f"{one.cut:,} of {counted(total, 'text')} of {split} {were} cut at "
                    f"{counted(self.max_tokens, 'token')}{answers}"
                )
            if one.unknown:
                said.append(f"{one.unknown_share:.2g} % of the words of {split} are unknown to the tokenizer, or spelt")
            if one.alike:
                what = "captions" if self.captions else "choices"
                said.append(
                    f"{counted(one.alike, 'record')} of {split} {by_number(one.alike, 'has', 'have')} two {what} of "
                    f"the same text in the source"
                )
            if one.blank:
                said.append(
                    f"{counted(one.blank, 'record')} of {split} {by_number(one.blank, 'has', 'have')} an empty text, "
                    f"question or answer"
                )
        return said

    def shared(self) -> list[str]:
        """What each two splits share, in a line each."""
        return [
            f"{splits} share {' and '.join(counted(count, kind.removesuffix('s')) for kind, count in kinds.items())}"
            for splits, kinds in (self.overlap or {}).items()
        ]

    def changed_pictures(self, split: str) -> str:
        """The pictures of a split that were not taken just as they lie, in a line; "" where all were."""
        found = (self.changed or {}).get(split, {})
        return "; ".join(
            f"{count:,} {by_number(count, 'was', 'were')} {change}" for change, count in sorted(found.items())
        )


def tied_text(split: str, records: int, tied: int) -> str:
    """The tied records of a split, in a line."""
    return (
        f"{tied:,} of {counted(records, 'record')} of {split} {by_number(tied, 'has', 'have')} two choices of the "
        f"same tokens, cut or alike"
    )


def read_card(path: Path, sizes: Mapping[str, int] | None = None) -> DataCard | None:
    """The card of a folder whose files all have the recorded sizes; None where one is missing, short or no card.

    `sizes` are those of its files where they lie elsewhere; else they are looked at.
    """
    try:
        card = DataCard.model_validate_json((path / CARD).read_bytes())
        found = {name: (path / name).stat().st_size if sizes is None else sizes[name] for name in card.files}
    except (OSError, ValidationError, KeyError):
        return None
    return card if all(found[name] == file.bytes for name, file in card.files.items()) else None


def write_card(path: Path, card: DataCard) -> None:
    """Write the card to the disk, byte for byte the same for the same content."""
    with (path / CARD).open("w", encoding="utf-8") as file:
        json.dump(card.model_dump(mode="json"), file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
