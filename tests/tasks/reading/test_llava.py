"""LLaVA's JSON: conversations and questions, and what is wrong with them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.llava import (
    InstructionReader,
    answers_of,
    captions_by_place,
    image_of,
    question_lines,
    training_lines,
)
from atlas.tasks.sample import Broken

HUMAN, GPT = {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "a fox"}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def talk(*turns: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"id": 1, "image": "./images/1.png", "conversations": list(turns)} | more


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (4, 4), "red").save(tmp_path / "images" / "1.png")
    return tmp_path


def test_every_question_of_a_conversation_is_a_record(source: Path) -> None:
    second = {"from": "human", "value": "Is it red?"}, {"from": "gpt", "value": "yes"}
    path = written(source / "train.json", [talk(HUMAN, GPT), talk(HUMAN, GPT, *second)])
    reader = InstructionReader(roots=[source])
    records = [reader.training_record(*line) for line in training_lines(path) if not isinstance(line[1], Broken)]
    assert [one.id for one in records] == ["train-0", "train-1.0", "train-1.1"]
    assert [one.texts for one in records] == [("What is it?",), ("What is it?",), ("Is it red?",)]
    assert [one.references for one in records] == [("a fox",), ("a fox",), ("yes",)]
    assert {one.pictures[0].name for one in records} == {"images/1.png"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (talk(GPT, HUMAN), r"the conversation's turns are those of \['gpt', 'human'\]"),
        (talk(HUMAN), "not of human and gpt in turns"),
        (talk(), "not of human and gpt in turns"),
        ({"id": 1}, "'conversations'"),
        (talk({"from": "human"}, GPT), "'value'"),
        ("text", "a str, no object"),
    ],
)
def test_a_conversation_that_is_none_is_broken_and_told(source: Path, entry: Any, reason: str) -> None:
    path = written(source / "train.json", [entry, talk(HUMAN, GPT)])
    broken, sound = list(training_lines(path))
    assert isinstance(broken[1], Broken)
    assert re.search(reason, broken[1].reason)
    assert broken[1].where == "train.json: [0]"
    assert not isinstance(sound[1], Broken)


def question(**changed: Any) -> dict[str, Any]:
    return {"question_id": 7, "image": "images/1.png", "text": "What is it?", "answer": "a fox"} | changed


def read_one(source: Path, known: Any = None, **changed: Any) -> Any:
    path = written(source / "test.json", [question(**changed)])
    ((where, values),) = question_lines(path)
    assert not isinstance(values, Broken)
    return InstructionReader(roots=[source], known=known or {}).test_record(where, values)


def test_a_question_of_the_test_has_one_answer_or_several(source: Path) -> None:
    assert read_one(source).references == ("a fox",)
    assert read_one(source).id == "7"
    assert read_one(source, answer=["a fox", "fox"]).references == ("a fox", "fox")
    assert read_one(source, answer=3).references == ("3",)
    assert answers_of({"answer_bbox": [0.1, 0.2, 0.3, 0.4]}) == ("[0.1, 0.2, 0.3, 0.4]",)


def test_another_file_may_have_the_references_by_id_or_by_place(source: Path) -> None:
    assert read_one(source, {"7": ("by id",)}).references == ("by id",)
    assert read_one(source, {0: ("by place",)}).references == ("by place",)
    assert read_one(source, {0: ("by place",)}, place="a kitchen").references == ("by place",)


def test_a_question_that_the_other_file_lacks_does_not_have_its_own_answer_instead(source: Path) -> None:
    with pytest.raises(Unreadable, match="the file that has the references has none for the question '7'"):
        read_one(source, {"8": ("by id",), 1: ("by place",)})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"answer": " "}, "its answer is blank"),
        ({"answer": []}, "the list of its answers is empty"),
        ({"answer": None}, "the field 'answer' is None"),
        ({"text": "<image>\n"}, "the question is blank"),
        ({"image": "images/2.png"}, "there is no image 'images/2.png'"),
        ({"image": "../1.png"}, "leaves its folder"),
        ({"image": 3}, "the field 'image' is 3, a int"),
        ({"image": ["a.png", "b.png"]}, "names 2 images, and a record has one"),
    ],
)
def test_what_is_no_question_is_unreadable(source: Path, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_one(source, **changed)


def test_an_entry_without_an_image_has_a_grey_one(source: Path) -> None:
    record = read_one(source, image=None)
    with record.pictures[0].open() as image:
        assert image.getcolors() == [(image.width * image.height, (128, 128, 128))]
    assert image_of({"image": ["images/1.png"]}) == "images/1.png"


def test_an_image_is_looked_for_under_every_root(source: Path) -> None:
    reader = InstructionReader(roots=[source / "other", source])
    assert reader.picture({"image": "images/1.png"}).name == "images/1.png"


def test_captions_belong_to_images_by_their_place(tmp_path: Path) -> None:
    annotations = [{"image_id": 5, "caption": "a"}, {"image_id": 4, "caption": "b"}, {"image_id": 5, "caption": "c"}]
    path = written(tmp_path / "coco.json", {"images": [{"id": 4}, {"id": 5}], "annotations": annotations})
    assert captions_by_place(path) == {0: ("b",), 1: ("a", "c")}
