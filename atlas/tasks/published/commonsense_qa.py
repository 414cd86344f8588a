"""CommonsenseQA: which of five answers does common sense choose? (Talmor et al., 2019, arXiv:1811.00937)

The test labels are secret: the published development records are `test`, and a tenth of the questions of the
training file is `val`. The split is the authors' random one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.files import Unreadable, field, given, json_lines
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.records import class_of, text_of, unseen
from atlas.tasks.reading.splits import deal_published, published
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

VAL = 0.1  # of the training file's questions
LABELS = ("A", "B", "C", "D", "E")
FILES = ("train_rand_split.jsonl", "dev_rand_split.jsonl")
LAYOUT = Layout.of(*FILES, obtain="Get CommonsenseQA from https://www.tau-nlp.sites.tau.ac.il/commonsenseqa.")


def question_of(values: Mapping[str, JsonValue]) -> str:
    """The key that decides the split: records with the same question stay together."""
    return " ".join(field(field(values, "question", dict), "stem").lower().split())


def choices_of(question: Mapping[str, JsonValue]) -> list[str]:
    """The five texts in the order of their labels. Raises Unreadable where the labels are not A to E, each once."""
    choices = [choice if isinstance(choice, dict) else {} for choice in field(question, "choices", list)]
    texts = {field(choice, "label"): text_of(choice, "text") for choice in choices}
    if len(choices) != len(LABELS) or set(texts) != set(LABELS):
        seen = ", ".join(field(choice, "label") for choice in choices)
        raise Unreadable(f"the choices are labelled {seen or 'by nothing'}; they should be {', '.join(LABELS)}")
    return [texts[label] for label in LABELS]


def record_of(where: str, values: Mapping[str, JsonValue], *, seen: set[str]) -> Record:
    """One record with its five answers. Raises Unreadable for a field, a label or an id that is none."""
    question = field(values, "question", dict)
    stem = text_of(question, "stem")
    texts = tuple(choice_text(stem, text) for text in choices_of(question))
    label = class_of(field(values, "answerKey"), LABELS)
    return Record(id=unseen(field(values, "id"), seen), pictures=(), texts=texts, label=label)


def read_questions(split: str, source: Path | None) -> Iterator[Record | Broken]:
    """The records of a split, in the order of their file. Raises UserError where a file is missing or unusable."""
    folder = given(source)
    LAYOUT.check("commonsense-qa", folder)
    lines = json_lines(folder / published(split, *FILES))
    make = functools.partial(record_of, seen=set())
    yield from deal_published(split, "commonsense-qa", lines, val=VAL, key=question_of, record=make)


COMMONSENSE_QA = Task(
    name="commonsense-qa",
    title="CommonsenseQA",
    modality="language",
    choices=5,
    chance=20.0,
    licence="MIT (CommonsenseQA, Talmor et al., 2019)",
    about="Which of five answers does common sense choose? 9,741 training questions, 1,221 for reporting.",
    version=2,
    read=read_questions,
    sources=LAYOUT.digests,
    role="downstream",
    layout=LAYOUT,
    published=(("train+val", 9_741), ("test", 1_221)),
    split_note="val is a seeded 10 % of the training questions; test is the public dev file (random split).",
)
