"""Twins of the benchmarks of instruction tuning: scenes' questions in words, with four kinds of answers.

A word that is exact (`coin-vqav2`), a name that contains or is contained (`coin-imagenet`), a box as a text
(`coin-grounding`), a caption with several references (`ucit-flickr30k`), and a name with several, in the test's own
file (`trigap-docvqa`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from atlas.tasks.offline.scenes import SIDE, Scene, SceneShape
from atlas.tasks.published.instructions import VAL
from atlas.tasks.sample import Record
from atlas.tasks.scoring.boxes import text_of_box
from atlas.tasks.task import Task, TextScoring
from atlas.tasks.twins.deal import HoldOutRule, numbers
from atlas.tasks.twins.pictures import distinct_things, pictures, save_pictures, scene_of
from atlas.tasks.twins.twin import Sizes, first, published, twin_task
from atlas.tasks.twins.vqa import ask

SIZES = Sizes(train=480, val=120, test=240)
Asked = tuple[str, tuple[str, ...]]  # a text, and what is right
Ask = Callable[[Random, tuple[SceneShape, ...]], Asked]


def ask_word(rng: Random, shapes: tuple[SceneShape, ...]) -> Asked:
    """A question that a word answers."""
    ((text, truth),) = ask(rng, shapes, 1).items()
    return text, (truth,)


def ask_name(rng: Random, shapes: tuple[SceneShape, ...]) -> Asked:
    """The name of the only thing in the image."""
    return "what does the image show ?", (name_of(shapes[0]),)


def ask_box(rng: Random, shapes: tuple[SceneShape, ...]) -> Asked:
    """The box around one of the things, in shares of the image's sides."""
    one = rng.choice(shapes)
    sides = (one.x - one.radius, one.y - one.radius, one.x + one.radius, one.y + one.radius)
    left, top, right, bottom = (min(1.0, max(0.0, side / SIDE)) for side in sides)
    return f"where is the {name_of(one)} ?\nanswer with a box .", (text_of_box((left, top, right, bottom)),)


def ask_caption(rng: Random, shapes: tuple[SceneShape, ...]) -> Asked:
    """A caption; three people write it in three ways."""
    names = [f"{'an' if one.color == 'orange' else 'a'} {name_of(one)}" for one in shapes]
    sides = [f"{name} at the {one.row} {one.column}" for name, one in zip(names, shapes, strict=True)]
    captions = (" and ".join(names), f"there is {' and '.join(sides)}", f"an image of {' , '.join(names)}")
    return "write a caption for the picture .", captions


def ask_names(rng: Random, shapes: tuple[SceneShape, ...]) -> Asked:
    """The name of the only thing in the image, which people write in two ways."""
    text, (name,) = ask_name(rng, shapes)
    return text, (name, f"the {name}")


def name_of(one: SceneShape) -> str:
    """`red circle`."""
    return f"{one.color} {one.shape}"


@dataclass(frozen=True, kw_only=True)
class InstructionTwin:
    """The twin of one task. folder: of its instructions. images: the folder of images in each part, train and test.

    root: the folder that these are in. several: a question of the test has all references, in the test's own file.
    """

    sister: str
    scored: TextScoring
    ask: Ask
    about: str
    folder: str
    images: Mapping[str, str]
    things: tuple[int, int] = (1, 3)
    train: str = "train.json"
    test: str = "test.json"
    captions: str = ""
    root: str = ""
    several: bool = False

    @property
    def task(self) -> str:
        """The twin's own name."""
        return f"{self.sister}-twin"

    def image(self, part: str, number: int) -> str:
        """The path of an image, as the files have it."""
        return f"{self.images[part]}{number:09d}.jpg"

    def draw(self, split: str, sizes: Sizes) -> Iterator[InstructionSample]:
        """Questions without end, one a scene. Raises UserError on an unknown split."""
        part = "test" if split == "test" else "train"
        rule = HoldOutRule(sister=self.sister, share=VAL, key=lambda number: self.image("train", number))
        before = sizes.val if split == "train" else 0  # the published training file begins with what is held out
        for place, number in enumerate(numbers(split, rule), start=before):
            rng = Random(f"{self.task} {sizes.seed} {number}")
            scene = scene_of(rng, distinct_things(rng, rng.randint(*self.things)))
            text, references = self.ask(rng, scene.shapes)
            yield InstructionSample(
                name=f"train-{place}" if part == "train" else str(number),
                image=self.image(part, number),
                scene=scene,
                text=text,
                references=references if part == "test" and (self.captions or self.several) else references[:1],
            )

    def make(self, sizes: Sizes) -> Task:
        """The task with so many records. Raises UserError on a size below 1."""
        return twin_task(
            self.draw,
            sizes,
            name=self.task,
            title=f"{self.sister}'s twin",
            modality="vision-language",
            score=self.scored,
            chance=0.0,
            about=f"{self.about} Generated.",
        )

    def write_raw(self, folder: Path, sizes: Sizes) -> None:
        """The list of conversations, that of questions, captions in COCO's form where they are, and the images."""
        trained, tested = list(published(self.draw, "train", sizes)), list(first(self.draw, "test", sizes))
        write_json(folder / self.folder / self.train, [one.conversation() for one in trained])
        write_json(folder / self.folder / self.test, [one.question(several=self.several) for one in tested])
        if self.captions:
            write_json(folder / self.folder / self.captions, coco_captions(tested))
        save_pictures(folder / self.root, ({one.image: one.scene} for one in (*trained, *tested)))


@dataclass(frozen=True, kw_only=True)
class InstructionSample:
    """A question about the scene of an image, and what is right."""

    name: str
    image: str
    scene: Scene
    text: str
    references: tuple[str, ...]

    def record(self) -> Record:
        """The record, as the sister's reader makes it."""
        shown = pictures({self.image: self.scene})
        return Record(id=self.name, pictures=shown, texts=(self.text,), references=self.references)

    def conversation(self) -> dict[str, Any]:
        """The entry of the training list."""
        said = [{"from": "human", "value": f"<image>\n{self.text}"}, {"from": "gpt", "value": self.references[0]}]
        return {"id": self.name, "image": f"./{self.image}", "conversations": said}

    def question(self, *, several: bool = False) -> dict[str, Any]:
        """The entry of the test's list, with one answer or `several`."""
        answer = list(self.references) if several else self.references[0]
        return {"question_id": self.name, "image": self.image, "text": self.text, "answer": answer}


def coco_captions(samples: list[InstructionSample]) -> dict[str, Any]:
    """The captions of images, by the place of each."""
    images = [{"id": place, "file_name": one.image} for place, one in enumerate(samples)]
    said = [(place, caption) for place, one in enumerate(samples) for caption in one.references]
    annotations = [{"id": number, "image_id": place, "caption": text} for number, (place, text) in enumerate(said)]
    return {"images": images, "annotations": annotations}


def write_json(path: Path, content: object) -> None:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


COCO = {"train": "COCO2014/train2014/COCO_train2014_", "test": "COCO2014/val2014/COCO_val2014_"}
_TWINS = (
    InstructionTwin(
        sister="coin-vqav2",
        scored="exact-upper",
        ask=ask_word,
        about="Questions about a scene of shapes, answered by a word.",
        folder="VQAv2",
        images=COCO,
    ),
    InstructionTwin(
        sister="coin-imagenet",
        scored="contains-either",
        ask=ask_name,
        about="The name of the one thing in a scene.",
        folder="ImageNet",
        images={"train": "ImageNet/train/", "test": "ImageNet/val/"},
        things=(1, 1),
    ),
    InstructionTwin(
        sister="coin-grounding",
        scored="iou-coin",
        ask=ask_box,
        about="The box of a thing in a scene, as a text.",
        folder="Grounding",
        images=COCO,
        things=(2, 3),
    ),
    InstructionTwin(
        sister="ucit-flickr30k",
        scored="cider",
        ask=ask_caption,
        about="Captions of a scene of shapes, three an image in the test.",
        folder="Flickr30k",
        images={"train": "Flickr30k/train/", "test": "Flickr30k/val/"},
        train="train_brief_4w.json",
        test="test_3000.json",
        captions="val_coco_type_3000.json",
    ),
    InstructionTwin(
        sister="trigap-docvqa",
        scored="anls-trigap",
        ask=ask_names,
        about="The name of the one thing in a scene, by its letters.",
        folder="instructions/DocVQA",
        root="datasets",
        images={"train": "DocVQA/train/", "test": "DocVQA/val/"},
        things=(1, 1),
        train="train_converted.json",
        test="val_converted.json",
        several=True,
    ),
)
INSTRUCTION_TWINS: dict[str, InstructionTwin] = {twin.task: twin for twin in _TWINS}
