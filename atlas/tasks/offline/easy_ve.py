"""easy-VE: does the image entail or contradict a sentence, or neither? From easy-VQA's images.

For each image and each known aspect of it (colour, shape, both) there are three sentences: a true
one, a false one and one that no image can decide. True and false sentences are dealt so that,
within a split, each sentence is true as often as it is false: the sentence alone gets 66.7 % (it reveals
the neutral ones, as SNLI-VE's sentences do without the image), the image alone 33.3 %.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks.offline.easy_vqa import LICENCE, Facts, known_facts, package_sources, picture
from atlas.tasks.sample import Record
from atlas.tasks.task import Task

ANSWERS = ("entailment", "neutral", "contradiction")
ASPECTS = ("colour", "shape", "both")
POSITIVE = ("there is a {} in the image .", "the image contains a {} .", "a {} is present .", "the image shows a {} .")
NEGATIVE = (
    "there is no {} in the image .",
    "the image does not contain a {} .",
    "no {} is present .",
    "the image shows no {} .",
)
OPEN = (
    "another image contains a {} .",
    "there is a {} behind the image .",
    "the next image does not contain a {} .",
    "you want the {} .",
)
Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A sentence about one image of a split, and its place in ANSWERS."""

    image: int
    aspect: str
    text: str
    label: int


def derange(values: Sequence[Value], generator: random.Random) -> list[Value]:
    """The same values in another order, so that none stays where it was.

    Raises UserError where one value takes more than half of the places.
    """
    dealt = list(values)
    generator.shuffle(dealt)
    for i, own in enumerate(values):
        if dealt[i] != own:
            continue
        swaps = (j for j, other in enumerate(values) if dealt[j] != own and dealt[i] != other)
        j = next(swaps, None)
        if j is None:
            raise UserError(f"cannot deal {counted(len(values), 'value')} apart: {own!r} takes more than half of them")
        dealt[i], dealt[j] = dealt[j], dealt[i]
    return dealt


def phrase(facts: Facts, aspect: str) -> str | None:
    """The content of an image in one aspect: "red shape", "circle" or "red circle"; None if unknown."""
    if aspect == "colour":
        return facts.colour and f"{facts.colour} shape"
    if aspect == "shape":
        return facts.shape
    return facts.colour and facts.shape and f"{facts.colour} {facts.shape}"


def foils(own: Sequence[str], template: int, generator: random.Random) -> list[str]:
    """For each phrase a wrong one, so that both lists hold the same phrases.

    Under every other template, phrases with the same last word are exchanged among themselves: a red circle is then
    called a blue circle, and one word alone decides.
    """
    dealt = [""] * len(own)
    near = template % 2 == 0 and all(" " in text for text in own)
    ends = [text.split()[-1] if near else "" for text in own]
    for end in sorted(set(ends)):
        places = [i for i, text in enumerate(ends) if text == end]
        for i, foil in zip(places, derange([own[i] for i in places], generator), strict=True):
            dealt[i] = foil
    return dealt


def triples(split: str, aspect: str) -> Iterator[Hypothesis]:
    """One true, one open and one false sentence for every image of which the aspect is known."""
    generator = random.Random(f"easy-ve {split} {aspect}")
    shown = [(i, text) for i, facts in known_facts(split).items() if (text := phrase(facts, aspect))]
    generator.shuffle(shown)
    forms = (*POSITIVE, *NEGATIVE)
    for template, form in enumerate(forms):
        dealt = shown[template :: len(forms)]
        own = [text for _, text in dealt]
        for (image, right), foil in zip(dealt, foils(own, template, generator), strict=True):
            true, false = (foil, right) if form in NEGATIVE else (right, foil)
            other = generator.choice(OPEN).format(generator.choice((right, foil)))
            for label, text in enumerate((form.format(true), other, form.format(false))):
                yield Hypothesis(image=image, aspect=aspect, text=text, label=label)


@functools.cache
def hypotheses(split: str) -> tuple[Hypothesis, ...]:
    """All sentences of a split, shuffled by a fixed seed."""
    found = [hypothesis for aspect in ASPECTS for hypothesis in triples(split, aspect)]
    random.Random(f"easy-ve {split}").shuffle(found)
    return tuple(found)


def read_hypotheses(split: str, source: Path | None) -> Iterator[Record]:
    """The sentences of a split, each with its image; the files are easy-VQA's."""
    for one in hypotheses(split):
        yield Record(
            id=f"{split}-{one.image}-{one.aspect}-{ANSWERS[one.label]}",
            pictures=(picture(split, one.image),),
            texts=(one.text,),
            label=one.label,
        )


EASY_VE = Task(
    name="easy-ve",
    title="easy-VE",
    modality="vision-language",
    answers=ANSWERS,
    chance=100 / 3,
    licence=LICENCE,
    about="Three-way entailment over easy-VQA's images; the sentence alone gets 66.7 %, the image alone 33.3 %.",
    version=1,
    read=read_hypotheses,
    sources=package_sources,
)
