"""Instructions as LLaVA writes them: a JSON list of conversations for training, and one of questions for testing.

    train: [{"id": …, "image": "COCO2014/train2014/1.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat
           is it?"}, {"from": "gpt", "value": "a fox"}, …]}, …]
    test:  [{"question_id": …, "image": "…", "text": "What is it?", "answer": "a fox"}, …]

Every question of a conversation is a record, without the turns before it. An entry without an image has a grey one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.runtime.text import counted
from atlas.tasks.reading import files
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.records import told, unseen
from atlas.tasks.sample import Broken, Picture, Record

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue

IMAGE = "<image>"  # its place in a text; where the image stands is a backbone's own affair
GREY = (128, 128, 128)
SIDE = 32
OPTIONS = "ABCDE"  # of ScienceQA
Line = tuple[str, dict[str, Any] | Broken]
Turn = tuple[str, str]  # what is asked, and what is right


def training_lines(path: Path) -> Iterator[Line]:
    """`(file: [place], entry)` of each question of each conversation, with `turn`, `question` and `answer` in it.

    `Broken` for a conversation that is none. Raises UserError as `json_items` does.
    """
    for place, (where, values) in enumerate(files.json_items(path, "")):
        if isinstance(values, Broken):
            yield where, values
            continue
        try:
            turns = turns_of(values)
        except Unreadable as error:
            yield where, Broken(where=where, reason=told(error))
            continue
        for number, (question, answer) in enumerate(turns):
            name = f"train-{place}" + (f".{number}" if len(turns) > 1 else "")
            yield where, {"record": name, "image": values.get("image"), "question": question, "answer": answer}


def turns_of(values: Mapping[str, JsonValue]) -> list[Turn]:
    """What is asked and answered in a conversation. Raises Unreadable where people and model do not take turns."""
    said: list[Any] = files.field(values, "conversations", list)
    pairs = [(files.field(one, "from"), files.field(one, "value")) for one in said if isinstance(one, dict)]
    speakers = [speaker for speaker, _ in pairs]
    if not pairs or len(pairs) != len(said) or speakers != ["human", "gpt"] * (len(pairs) // 2):
        raise Unreadable(f"the conversation's turns are those of {speakers!r:.60}, not of human and gpt in turns")
    texts = [text for _, text in pairs]
    return list(zip(texts[::2], texts[1::2], strict=True))


def question_lines(path: Path) -> Iterator[Line]:
    """`(file: [place], entry)` of each question, with its own `place`. Raises UserError as `json_items` does."""
    for place, (where, values) in enumerate(files.json_items(path, "")):
        if isinstance(values, Broken):
            yield where, values
        else:
            yield where, {**values, "place": place}


def is_questions(path: Path) -> bool:
    """Whether a file is a list of questions, and not of conversations, by its first entry. Raises as `json_items`."""
    first = next((values for _, values in files.json_items(path, "") if not isinstance(values, Broken)), {})
    return "conversations" not in first and "question_id" in first


@dataclass(frozen=True, kw_only=True)
class InstructionReader:
    """Makes records of the entries of both files.

    roots: folders that images' paths may be relative to, looked through in order. linked: those at the beginning of
    such paths, `COCO2014/`, which may be links. known: references by the question's id, or by its place in the file,
    where another file has them, which then has all. seen: the ids of the records made so far.
    """

    roots: Sequence[Path]
    linked: Sequence[str] = ()
    known: Mapping[str | int, tuple[str, ...]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def training_record(self, where: str, values: Mapping[str, Any]) -> Record:
        """One question of a conversation. Raises Unreadable for an image, question or answer that is none."""
        return self._record(unseen(values["record"], self.seen), values, values["question"], (values["answer"],))

    def test_record(self, where: str, values: Mapping[str, Any]) -> Record:
        """One question of the test. Raises Unreadable as `training_record` does."""
        number = files.field(values, "question_id", (str, int))
        name = unseen(str(number), self.seen)
        return self._record(name, values, files.field(values, ("text", "question")), self._references(name, values))

    def _references(self, name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
        """What is right for a question of the test: what the other file says, where there is one, or else the entry."""
        found = self.known.get(name) or self.known.get(values["place"]) if self.known else answers_of(values)
        if not found:
            raise Unreadable(f"the file that has the references has none for the question {name!r}")
        return found

    def _record(self, name: str, values: Mapping[str, Any], question: str, references: tuple[str, ...]) -> Record:
        text = question.replace(IMAGE, "").strip()
        if not text:
            raise Unreadable("the question is blank")
        return Record(id=name, pictures=(self.picture(values),), texts=(text,), references=references)

    def picture(self, values: Mapping[str, Any]) -> Picture:
        """The entry's image. Raises Unreadable where there is none of that path, or are several."""
        name = image_of(values)
        if not name:
            return Picture(name="no image", open=no_image)
        root = next((one for one in self.roots if os.path.isfile(one / name)), self.roots[0])
        folder = next((one for one in self.linked if name.startswith(one)), "")
        return files.picture(root, name, folder=folder)


def image_of(values: Mapping[str, Any]) -> str:
    """The path of an entry's image; "" of one without. Raises Unreadable for anything but one path."""
    given = values.get("image")
    if isinstance(given, list):
        if len(given) != 1:
            raise Unreadable(f"the field 'image' names {counted(len(given), 'image')}, and a record has one")
        given = given[0]
    if given is None or given == "":
        return ""
    if not isinstance(given, str):
        raise Unreadable(f"the field 'image' is {given!r:.60}, a {type(given).__name__}")
    return given.removeprefix("./")


def key_of(values: Mapping[str, Any]) -> str:
    """What decides the split: the image, so that no image is in two; of an entry without one its own name."""
    return image_of(values) or str(values.get("record", values.get("question_id", "")))


def answers_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The right answers of a test's entry: one, or a list of them. Raises Unreadable where there is none."""
    given = files.field(values, ("answer", "answer_bbox", "answers"), (str, int, float, list))
    found = tuple(str(one) for one in (given if isinstance(given, list) and not is_box(given) else [given]))
    if not found or not all(one.strip() for one in found):
        raise Unreadable("its answer is blank" if found else "the list of its answers is empty")
    return found


def is_box(given: list[Any]) -> bool:
    """Whether a list is the four numbers of one box, and not four answers."""
    return len(given) == 4 and all(isinstance(one, int | float) for one in given)


def no_image() -> Image.Image:
    """The image of an entry without one."""
    from PIL import Image

    return Image.new("RGB", (SIDE, SIDE), GREY)


def captions_by_place(path: Path) -> Mapping[str | int, tuple[str, ...]]:
    """The captions of each image of a file in COCO's form, by the place of the image: predictions are matched so.

    Raises UserError as `json_items` does.
    """
    images = [one.get("id") for _, one in files.json_items(path, "images") if isinstance(one, dict)]
    found: dict[Any, list[str]] = {}
    for _, one in files.json_items(path, "annotations"):
        if isinstance(one, dict) and isinstance(one.get("caption"), str):
            found.setdefault(one.get("image_id"), []).append(str(one["caption"]))
    return {place: tuple(found.get(image, ())) for place, image in enumerate(images)}


def options_by_id(path: Path) -> Mapping[str | int, tuple[str, ...]]:
    """The letter of each problem's right option, by its id, from ScienceQA's own file. Raises as `json_file` does."""
    problems = files.json_file(path)
    return {
        str(name): (OPTIONS[one["answer"]],)
        for name, one in (problems if isinstance(problems, dict) else {}).items()
        if isinstance(one, dict) and one.get("answer") in range(len(OPTIONS))
    }


def answers_by_id(path: Path) -> Mapping[str | int, tuple[str, ...]]:
    """What ten people answered to each question, by its id, from TextVQA's own file. Raises as `json_items` does."""
    found: dict[str | int, tuple[str, ...]] = {}
    for _, one in files.json_items(path, "data"):
        given = one.get("answers") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(given, list) and "question_id" in one:
            found[str(one["question_id"])] = tuple(str(answer) for answer in given)
    return found
