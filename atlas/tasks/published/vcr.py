"""VCR, question to answer: what is going on in a film's still? (Zellers et al., 2019, arXiv:1811.10830)

The test labels are secret: the published validation questions are `test`, and a twentieth of the training images, with
all their questions, is `val`.

A token may be a list of the image's objects. As in CLiMB (Srinivasan et al., 2022, arXiv:2206.09059), a person is
called by a gender-neutral name that belongs to its number. CLiMB calls everything else "the gray bottle", after
outlines drawn into its images; here it is "the bottle", and in `vcr-marked`, where what the texts name is outlined in
the image, "the red bottle".
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.text import counted
from atlas.tasks.reading import files
from atlas.tasks.reading.choices import choice_text
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.layout import Layout, Needed
from atlas.tasks.reading.records import unseen
from atlas.tasks.reading.regions import boxes_of, colour_of, marked
from atlas.tasks.reading.splits import deal_published, published
from atlas.tasks.sample import Broken, Picture, Record
from atlas.tasks.task import Task

if TYPE_CHECKING:
    from pydantic import JsonValue

VAL = 0.05  # of the training images
CHOICES = 4
PERSON = "person"
PEOPLE = """
Casey Riley Jessie Jackie Avery Jaime Peyton Kerry Jody Kendall Skyler Frankie Pat Quinn Morgan Finley Harley Robbie
Sidney Tommie Ashley Carter Adrian Clarke Logan Mickey Nicky Parker Tyler Reese Charlie Austin Denver Emerson Tatum
Dallas Haven Jordan Robin Rory Bellamy Salem Sutton Gray Shae Kyle Alex Ryan Cameron Dakota
"""
NAMES = tuple(PEOPLE.split())
FILES = ("train.jsonl", "val.jsonl")
LAYOUT = Layout(
    needs=(
        *(Needed(paths=(name, f"vcr1annots/{name}")) for name in FILES),
        Needed(paths=("vcr1images/",)),
    ),
    obtain="Get VCR's annotations and images from https://visualcommonsense.com/download.html.",
)


def mentions(tokens: Sequence[Any], objects: Sequence[Any]) -> list[int]:
    """The numbers of the objects that tokens mention. Raises Unreadable for one that there is not."""
    found = [place for token in tokens if not isinstance(token, str) for place in listed(token)]
    for place in found:
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(objects):
            raise Unreadable(f"a token mentions object {place!r} of {len(objects)}")
    return found


def listed(token: Any) -> list[Any]:
    """The objects of a token that is no word: a number, or a list of them."""
    return token if isinstance(token, list) and token else [token]


def called(place: int, objects: Sequence[Any], *, coloured: bool) -> str:
    """The name of the object of that number in a text. Raises Unreadable where it is no text itself."""
    what = objects[place]
    if not isinstance(what, str):
        raise Unreadable(f"object {place} is {what!r:.60}, a {type(what).__name__}")
    if what == PERSON:
        return NAMES[place % len(NAMES)]
    return f"the {colour_of(place)} {what}" if coloured else f"the {what}"


def sentence(tokens: Sequence[Any], objects: Sequence[Any], *, coloured: bool) -> str:
    """Tokens as a text: several objects in one place are joined by "and"."""
    mentions(tokens, objects)
    return " ".join(
        token
        if isinstance(token, str)
        else " and ".join(called(place, objects, coloured=coloured) for place in listed(token))
        for token in tokens
    )


def image_of(values: Mapping[str, JsonValue]) -> str:
    """The image's name, which decides the split. Raises Unreadable where there is none."""
    name: str = files.field(values, "img_fn")
    return name


def spoken(values: Mapping[str, JsonValue]) -> list[list[Any]]:
    """The tokens of the question and of its four answers. Raises Unreadable where there are none."""
    question, answers = (files.field(values, name, list) for name in ("question", "answer_choices"))
    if len(answers) != CHOICES or not all(isinstance(answer, list) and answer for answer in answers):
        raise Unreadable(
            f"the field 'answer_choices' has {counted(len(answers), 'answer')}; it should have {CHOICES} lists"
        )
    if not question:
        raise Unreadable("the field 'question' is blank")
    return [question, *answers]


def label_of(values: Mapping[str, JsonValue]) -> int:
    """The place of the right answer. Raises Unreadable where it is none."""
    label: int = files.field(values, "answer_label", int)
    if not 0 <= label < CHOICES:
        raise Unreadable(f"the label is {label}; it should be 0 to {CHOICES - 1}")
    return label


@dataclass(frozen=True, kw_only=True)
class Stills:
    """Makes records of lines. images: the folder. mark: whether regions are outlined. seen: the ids so far."""

    images: Path
    mark: bool
    seen: set[str] = field(default_factory=set)

    def record(self, where: str, values: Mapping[str, JsonValue]) -> Record:
        """One question with its four answers. Raises Unreadable for a field, a label or an image that is none."""
        objects, spoke = files.field(values, "objects", list), spoken(values)
        question, *answers = (sentence(tokens, objects, coloured=self.mark) for tokens in spoke)
        return Record(
            id=unseen(files.field(values, "annot_id"), self.seen),
            pictures=(self.picture(values, [place for tokens in spoke for place in mentions(tokens, objects)]),),
            texts=tuple(choice_text(question, answer) for answer in answers),
            label=label_of(values),
        )

    def picture(self, values: Mapping[str, JsonValue], places: Sequence[int]) -> Picture:
        """The still, with these objects outlined if they should be."""
        if not self.mark:
            return files.picture(self.images, image_of(values))
        boxes = boxes_of(self.images, files.field(values, "metadata_fn"))
        return marked(self.images, image_of(values), boxes=boxes, places=places)


def read_stills(split: str, source: Path | None, *, mark: bool) -> Iterator[Record | Broken]:
    """The questions of a split, in the order of their file. Raises UserError where a file is missing or unusable."""
    name, folder = published(split, *FILES), files.given(source)
    LAYOUT.check("vcr", folder)
    stills = Stills(images=LAYOUT.path(folder, "vcr1images/"), mark=mark)
    yield from deal_published(
        split, "vcr", files.json_lines(LAYOUT.path(folder, name)), val=VAL, key=image_of, record=stills.record
    )


def still_sources(source: Path | None) -> Mapping[str, str]:
    """The digests of both files."""
    return {name: files.digest(LAYOUT.path(files.given(source), name)) for name in FILES}


def vcr(*, mark: bool) -> Task:
    """The task, with the objects that the texts mention outlined in the image or not."""
    return Task(
        name="vcr-marked" if mark else "vcr",
        title="VCR, regions marked" if mark else "VCR",
        modality="vision-language",
        choices=CHOICES,
        chance=100 / CHOICES,
        licence="VCR's own licence: research only, no commercial use (visualcommonsense.com/license)",
        about="Which of four answers explains a film's still? 212,923 training questions, 26,534 for reporting.",
        version=2,
        read=functools.partial(read_stills, mark=mark),
        sources=still_sources,
        role="downstream",
        layout=LAYOUT,
        published=(("train+val", 212_923), ("test", 26_534)),
        split_note="val is a seeded 5 % of the training images with all their questions; test is the public val.",
    )


VCR, VCR_MARKED = vcr(mark=False), vcr(mark=True)
