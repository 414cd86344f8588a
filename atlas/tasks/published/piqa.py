"""PIQA: which of two solutions reaches a goal? (Bisk et al., 2020, arXiv:1911.11641)

The test labels are secret: the published validation records are `test`, and a tenth of the goals of the training
file, with all their records, is `val`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.files import field, given
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.pairs import paired
from atlas.tasks.reading.records import class_of, text_of
from atlas.tasks.reading.splits import deal_published, published
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

VAL = 0.1  # of the training file's goals
LABELS = ("0", "1")
LAYOUT = Layout(
    needs=(
        Needed(paths=("train.jsonl",)),
        Needed(paths=("train-labels.lst",)),
        Needed(paths=("valid.jsonl", "dev.jsonl")),
        Needed(paths=("valid-labels.lst", "dev-labels.lst")),
    ),
    obtain="Get PIQA from https://yonatanbisk.com/piqa/.",
)


def labelled(source: Path, part: str) -> Iterator[tuple[str, tuple[dict[str, JsonValue], str, str] | Broken]]:
    """`file:line`, and the record of that line with its id and its label, as they are written.

    Raises UserError where there are not as many labels as records, or a line in between is blank.
    """
    for where, line, answer in paired(LAYOUT.path(source, f"{part}.jsonl"), LAYOUT.path(source, f"{part}-labels.lst")):
        number = where.rpartition(":")[2]
        yield where, line if isinstance(line, Broken) else (line, f"{part}-{number}", answer)


def goal_of(line: tuple[dict[str, JsonValue], str, str]) -> str:
    """The key that decides the split: records with the same goal stay together."""
    return " ".join(field(line[0], "goal").lower().split())


def record_of(where: str, line: tuple[dict[str, JsonValue], str, str]) -> Record:
    """One record with both solutions. Raises Unreadable for a field or a label that is none."""
    values, name, label = line
    goal = text_of(values, "goal")
    texts = tuple(choice_text(goal, field(values, solution)) for solution in ("sol1", "sol2"))
    return Record(id=name, pictures=(), texts=texts, label=class_of(label, LABELS))


def read_piqa(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The records of a split, in the order of their file. Raises UserError where a file is missing or unusable."""
    folder = given(source)
    LAYOUT.check("piqa", folder)
    lines = labelled(folder, published(split, "train", "valid"))
    yield from deal_published(split, "piqa", lines, val=VAL, key=goal_of, record=record_of)


PIQA = Task(
    name="piqa",
    title="PIQA",
    modality="language",
    choices=2,
    chance=50.0,
    licence="AFL 3.0 (PIQA, Bisk et al., 2020)",
    about="Which of two solutions reaches an everyday goal? 16,113 training records, 1,838 for reporting.",
    version=2,
    read=read_piqa,
    sources=LAYOUT.digests,
    layout=LAYOUT,
    alike=("*.lst",),
    published=(("train+val", 16_113), ("test", 1_838)),
    split_note="val is a seeded 10 % of the training goals with all their records; test is the public validation file.",
)
