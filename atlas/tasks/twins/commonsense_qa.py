"""CommonsenseQA's twin: which of five answers is right? Text only, about relations between words.

Records come in fives that share their answers and differ in the question, so that each answer is right exactly once:
nobody can tell without the question. No question of `train` is in `val`, by the sister's rule; `test` asks the same
questions about other sets of answers, since the task is to learn relations between words.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import unknown
from atlas.tasks.offline.facts import COLORED, MIXES, OPPOSITES
from atlas.tasks.offline.words import COLORS, NUMBERS, SHAPES
from atlas.tasks.published.commonsense_qa import FILES, LABELS, VAL
from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.splits import held_out
from atlas.tasks.sample import SPLITS, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_EIGHTHS, eighth
from atlas.tasks.twins.publish import write_lines
from atlas.tasks.twins.twin import Sizes, Twin, published, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "commonsense-qa-twin"
CHOICES = len(LABELS)
TRIES = 25  # draws for a question that belongs to the split; then other answers are tried
MARKS = ("{} ?", "{} :", "{} ,", "{} =")


@dataclass(frozen=True, kw_only=True)
class QuestionKind:
    """A kind of question.

    answers: all that may be right. like: answers of which it gives the same are never choices together. ask:
    (generator, right answer, wrong answers) -> a question.
    """

    answers: tuple[str, ...]
    ask: Callable[[Random, str, list[str]], str]
    like: Callable[[str], str] = str


@dataclass(frozen=True, kw_only=True)
class CommonsenseQaSample:
    """A question, its five answers and which is right."""

    name: str
    stem: str
    choices: tuple[str, ...]
    label: int

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        texts = tuple(choice_text(self.stem, choice) for choice in self.choices)
        return Record(id=self.name, pictures=(), texts=texts, label=self.label)

    def line(self) -> Mapping[str, JsonValue]:
        """The line of the published file."""
        choices: list[JsonValue] = [
            {"label": label, "text": text} for label, text in zip(LABELS, self.choices, strict=True)
        ]
        return {
            "answerKey": LABELS[self.label],
            "id": self.name,
            "question": {"question_concept": self.stem.split()[-2], "choices": choices, "stem": self.stem},
        }


def color_of(rng: Random, right: str, wrong: list[str]) -> str:
    """The colour of a thing of the world."""
    thing = rng.choice([thing for thing, color in COLORED.items() if color == right])
    form = rng.choice(("what color is {}", "what is the color of {}"))
    return form.format(thing)


def thing_of(rng: Random, right: str, wrong: list[str]) -> str:
    """A thing of the world of that colour."""
    return rng.choice(("which of these is {}", "which thing is {}")).format(COLORED[right])


def opposite_of(rng: Random, right: str, wrong: list[str]) -> str:
    """The word that says the opposite."""
    forms = ("what is the opposite of {}", "which word is opposite to {}")
    return rng.choice(forms).format(OPPOSITES[right])


def next_to(rng: Random, right: str, wrong: list[str]) -> str:
    """The number before or after another."""
    place = NUMBERS.index(right)
    form = rng.choice(("which number comes {} {}", "what number is {} {}"))
    before = rng.random() < 0.5
    return form.format("before" if before else "after", NUMBERS[place + 1 if before else place - 1])


def mixed_from(rng: Random, right: str, wrong: list[str]) -> str:
    """The colour that two others give."""
    one, two = rng.sample(rng.choice([pair for pair, color in MIXES.items() if color == right]), 2)
    forms = ("what color do {} and {} make", "what color do you get if you mix {} and {}")
    return rng.choice(forms).format(one, two)


def painted(rng: Random, right: str, wrong: list[str]) -> str:
    """The colour of a shape after it was painted; what it was before is among the wrong ones."""
    forms = ("a {} {} is painted {} , what color is it", "we make a {} {} {} , what color is it")
    return rng.choice(forms).format(rng.choice(wrong), rng.choice(SHAPES), right)


def colored(rng: Random, right: str, wrong: list[str]) -> str:
    """The thing of a colour, which is said."""
    form = rng.choice(("which of these is {}", "which shape is {}"))
    return form.format(right.split()[0])


def shaped(rng: Random, right: str, wrong: list[str]) -> str:
    """The thing of a shape, which is said."""
    form = rng.choice(("which of these is a {}", "which one is a {}"))
    return form.format(right.split()[1])


THINGS = tuple(f"{color} {shape}" for color in COLORS for shape in SHAPES)
KINDS = (
    QuestionKind(answers=tuple(dict.fromkeys(COLORED.values())), ask=color_of),
    QuestionKind(answers=tuple(COLORED), ask=thing_of, like=COLORED.__getitem__),
    QuestionKind(answers=tuple(OPPOSITES), ask=opposite_of, like=lambda word: min(word, OPPOSITES[word])),
    QuestionKind(answers=NUMBERS[1:-1], ask=next_to),
    QuestionKind(answers=tuple(MIXES.values()), ask=mixed_from),
    QuestionKind(answers=COLORS, ask=painted),
    QuestionKind(answers=THINGS, ask=colored, like=lambda thing: thing.split()[0]),
    QuestionKind(answers=THINGS, ask=shaped, like=lambda thing: thing.split()[1]),
)


def is_of(split: str, stem: str) -> bool:
    """Whether a question may be asked in the split: the sister's rule tells `val` from `train`."""
    return split == "test" or held_out("commonsense-qa", stem, VAL) == (split == "val")


def choose(kind: QuestionKind, split: str, rng: Random) -> list[str]:
    """Five answers of different groups; no other split has the same five."""
    while True:
        groups: dict[str, str] = {}
        for answer in rng.sample(kind.answers, len(kind.answers)):
            groups.setdefault(kind.like(answer), answer)
        answers = list(groups.values())[:CHOICES]
        if (eighth(" ".join(sorted(answers))) in TEST_EIGHTHS) == (split == "test"):
            return answers


def stem_of(kind: QuestionKind, split: str, rng: Random, right: str, wrong: list[str]) -> str | None:
    """A question of the split to which that answer is right, or None where none is found."""
    stems = (rng.choice(MARKS).format(kind.ask(rng, right, wrong)) for _ in range(TRIES))
    return next((stem for stem in stems if is_of(split, stem)), None)


def five(kind: QuestionKind, split: str, rng: Random) -> dict[str, str] | None:
    """Five answers, each with a question of the split; None where one finds no question."""
    answers = choose(kind, split, rng)
    stems: dict[str, str] = {}
    for right in answers:
        stem = stem_of(kind, split, rng, right, [answer for answer in answers if answer != right])
        if stem is None:
            return None
        stems[right] = stem
    return stems


def draw(split: str, sizes: Sizes) -> Iterator[CommonsenseQaSample]:
    """Questions without end, five in a row with the same answers, the kinds in turn."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    rng, count = Random(f"{NAME} {sizes.seed} {split}"), itertools.count()
    for kind in itertools.cycle(KINDS):
        stems = five(kind, split, rng)
        if stems is None:
            continue
        for right, label in zip(stems, rng.sample(range(CHOICES), CHOICES), strict=True):
            choices = rng.sample([answer for answer in stems if answer != right], CHOICES - 1)
            choices.insert(label, right)
            name = text_sha256(f"{NAME} {sizes.seed} {split} {next(count)}")[:32]
            yield CommonsenseQaSample(name=name, stem=stems[right], choices=tuple(choices), label=label)


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="CommonsenseQA's twin",
        modality="language",
        choices=CHOICES,
        chance=100 / CHOICES,
        about="Which of five answers is right? Colours, opposites, numbers. Generated; the answers alone get 20 %.",
        role="downstream",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """`{train,dev}_rand_split.jsonl`."""
    for file, split in zip(FILES, ("train", "test"), strict=True):
        write_lines(folder / file, (one.line() for one in published(draw, split, sizes)))


TWIN = Twin(sister="commonsense-qa", make=make, write_raw=write_raw)
