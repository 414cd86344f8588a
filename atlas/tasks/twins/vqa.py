"""VQA's twin: questions about a scene, each answered by ten people, of whom up to three are wrong.

A wrong answer is of the right kind. Within a kind of question every answer is right equally often,
so that the question alone gets no further than the commonest answer of its kind, and the scene alone less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from atlas.tasks.offline.scenes import Scene, SceneShape
from atlas.tasks.offline.words import COLUMNS, ROWS, SHAPES
from atlas.tasks.published.vqa import ANNOTATIONS, QUESTIONS, SCORES, VAL
from atlas.tasks.sample import Label, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.deal import TEST_FROM, HoldOutRule, numbers
from atlas.tasks.twins.pictures import COLORS, distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.publish import write_document
from atlas.tasks.twins.twin import Sizes, Twin, published, twin_task

if TYPE_CHECKING:
    from pydantic import JsonValue

NAME = "vqa-twin"
RULE = HoldOutRule(sister="vqa", share=VAL, key=str)
COUNTS = ("1", "2", "3")
KINDS = (("yes", "no"), COLORS, SHAPES, COLUMNS, ROWS, COUNTS)  # of answers
ANSWERS = tuple(sorted(answer for kind in KINDS for answer in kind))
ASKED = 3  # questions an image
SURE = (10, 10, 10, 10, 9, 9, 8, 7)  # how many of the ten are right
QuestionAndAnswer = tuple[str, str]  # question and true answer


@dataclass(frozen=True, kw_only=True)
class VqaSample:
    """A question about the scene of an image, and what ten people answered."""

    image: int
    scene: Scene
    place: int
    text: str
    answers: tuple[str, ...]

    @property
    def number(self) -> int:
        """The question's id: the image's, and its place among the image's questions."""
        return 1000 * self.image + self.place

    @property
    def part(self) -> str:
        """The published part that it is in."""
        return "val" if self.image >= TEST_FROM else "train"

    @property
    def commonest(self) -> str:
        """The most frequent answer: the true one."""
        return Counter(self.answers).most_common(1)[0][0]

    def scores(self) -> Label:
        """The soft label: each class that somebody named, with its score."""
        counts = Counter(ANSWERS.index(answer) for answer in self.answers)
        return tuple(sorted((place, SCORES[min(count, len(SCORES) - 1)]) for place, count in counts.items()))

    def shown(self) -> Mapping[str, Scene]:
        """The image, under the folder of the source."""
        return {f"{self.part}2014/COCO_{self.part}2014_{self.image:012d}.jpg": self.scene}

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        return Record(id=str(self.number), pictures=pictures(self.shown()), texts=(self.text,), label=self.scores())

    def question(self) -> Mapping[str, JsonValue]:
        """The item of the published file of questions."""
        return {"image_id": self.image, "question": self.text, "question_id": self.number}

    def annotation(self) -> Mapping[str, JsonValue]:
        """The item of the published file of annotations."""
        kinds = {"yes": "yes/no", "no": "yes/no"} | dict.fromkeys(COUNTS, "number")
        people = enumerate(self.answers, start=1)
        return {
            "question_type": " ".join(self.text.split()[:2]),
            "multiple_choice_answer": self.commonest,
            "answers": [{"answer": said, "answer_confidence": "yes", "answer_id": who} for who, said in people],
            "image_id": self.image,
            "answer_type": kinds.get(self.commonest, "other"),
            "question_id": self.number,
        }


def ask_exists(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """Whether something is there: something that is, or a colour, a shape or both that are not together."""
    one, truth, kind = rng.choice(shapes), rng.random() < 0.5, rng.randrange(3)
    color, shape = one.color, one.shape
    if not truth and kind != 0:
        shape = rng.choice([s for s in SHAPES if all(s != seen.shape for seen in shapes)])
    if not truth and kind != 1:
        color = rng.choice([c for c in COLORS if all(c != seen.color for seen in shapes)])
    noun = (f"{color} shape", shape, f"{color} {shape}")[kind]
    return f"is there a {noun} in the image ?", "yes" if truth else "no"


def ask_color(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """The colour of a shape."""
    one = rng.choice(shapes)
    return f"what color is the {one.shape} ?", one.color


def ask_shape(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """The shape of what has a colour."""
    one = rng.choice(shapes)
    return f"what is the {one.color} shape ?", one.shape


def ask_column(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """On which side something lies."""
    one = rng.choice(shapes)
    return f"is the {rng.choice((one.shape, f'{one.color} shape'))} on the left or on the right ?", one.column


def ask_row(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """In which half something lies."""
    one = rng.choice(shapes)
    return f"is the {rng.choice((one.shape, f'{one.color} shape'))} at the top or at the bottom ?", one.row


def ask_count(rng: Random, shapes: tuple[SceneShape, ...]) -> QuestionAndAnswer:
    """The number of shapes."""
    return rng.choice(("how many shapes are there ?", "how many shapes are in the image ?")), str(len(shapes))


ASKS: tuple[tuple[Callable[[Random, tuple[SceneShape, ...]], QuestionAndAnswer], int], ...] = (
    (ask_exists, 7),
    (ask_color, 5),
    (ask_shape, 4),
    (ask_column, 1),
    (ask_row, 1),
    (ask_count, 2),
)


def people(rng: Random, truth: str) -> tuple[str, ...]:
    """Ten answers, of which at least seven are the true one and the others are of its kind."""
    kind = next(kind for kind in KINDS if truth in kind)
    right = rng.choice(SURE)
    wrong = [rng.choice([answer for answer in kind if answer != truth]) for _ in range(10 - right)]
    return tuple(rng.sample([truth] * right + wrong, 10))


def ask(rng: Random, shapes: tuple[SceneShape, ...], count: int) -> dict[str, str]:
    """So many different questions of these shapes, with their true answers."""
    found: dict[str, str] = {}
    while len(found) < count:
        (kind,) = rng.choices([kind for kind, _ in ASKS], [weight for _, weight in ASKS])
        text, truth = kind(rng, shapes)
        found[text] = truth
    return found


def draw(split: str, sizes: Sizes) -> Iterator[VqaSample]:
    """Questions without end, three a scene."""
    for image in numbers(split, RULE):
        rng = Random(f"{NAME} {sizes.seed} {image}")
        scene = scene_of(rng, distinct_things(rng, rng.randint(1, 3)))
        for place, (text, truth) in enumerate(ask(rng, scene.shapes, ASKED).items()):
            yield VqaSample(image=image, scene=scene, place=place, text=text, answers=people(rng, truth))


def make(sizes: Sizes) -> Task:
    """The task with so many records. Raises UserError on a size below 1."""
    return twin_task(
        draw,
        sizes,
        name=NAME,
        title="VQA's twin",
        modality="vision-language",
        answers=ANSWERS,
        score="soft",
        chance=0.0,
        about=f"Questions about a scene of shapes, answered by ten people, {len(ANSWERS)} answers. Generated.",
    )


def write_raw(folder: Path, sizes: Sizes) -> None:
    """Questions and annotations of `train` and `val`, and `{train,val}2014/COCO_….jpg`."""
    for part, split in (("train", "train"), ("val", "test")):
        head: dict[str, JsonValue] = {
            "info": {"description": "generated"},
            "license": {},
            "data_subtype": f"{part}2014",
        }
        asked = (one.question() for one in published(draw, split, sizes))
        answered = (one.annotation() for one in published(draw, split, sizes))
        form = head | {"data_type": "mscoco", "task_type": "Open-Ended"}
        write_document(folder / QUESTIONS.format(part), form, {"questions": asked})
        write_document(folder / ANNOTATIONS.format(part), head | {"data_type": "mscoco"}, {"annotations": answered})
        save_pictures(folder, (one.shown() for one in published(draw, split, sizes)))


TWIN = Twin(sister="vqa", make=make, write_raw=write_raw)
