"""LLaVA's JSON of one's own: the formats that are read, how images are dealt out, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from atlas.runtime.errors import UserError
from atlas.tasks import Record, Task, conversation_task, find_task
from atlas.tasks.sample import Broken

COUNT = 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(COUNT):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    write(tmp_path / "train.json", *(talk(number) for number in range(COUNT)))
    return tmp_path


def write(path: Path, *entries: object) -> None:
    path.write_text(json.dumps(list(entries)))


def talk(number: int, *, image: str = "images/{}.png", turns: int = 2) -> dict[str, Any]:
    said = [("human", "<image>\nWhich number?"), ("gpt", str(number)), ("human", "Is it red?"), ("gpt", "yes")]
    return {
        "id": f"a{number}",
        "image": image.format(number),
        "conversations": [{"from": who, "value": text} for who, text in said[: 2 * turns]],
    }


def question(number: int) -> dict[str, Any]:
    return {"question_id": number, "image": f"{number}.png", "text": "Which number?", "answer": [str(number), "it"]}


def read(task: Task, source: Path) -> dict[str, list[Record]]:
    found = {split: list(task.read(split, source)) for split in ("train", "val", "test")}
    return {split: [one for one in records if isinstance(one, Record)] for split, records in found.items()}


def images(records: list[Record]) -> set[str]:
    return {one.pictures[0].name for one in records}


def test_one_file_is_dealt_out_by_its_images(source: Path) -> None:
    found = read(conversation_task("own", file="train.json"), source)
    assert sum(map(len, found.values())) == 2 * COUNT
    assert all(found.values())
    assert len(set.union(*map(images, found.values()))) == sum(len(images(one)) for one in found.values()) == COUNT
    first = found["train"][0]
    assert (first.texts, first.references) == (("Which number?",), (str(int(first.id[6:].split(".")[0])),))


@pytest.mark.parametrize("entry", [question, lambda number: talk(number, image="{}.png", turns=1)])
def test_a_test_of_its_own_is_of_questions_or_conversations(source: Path, entry: Any) -> None:
    write(source / "test.json", *(entry(number) for number in range(3)))
    found = read(conversation_task("own", file="train.json", test="test.json"), source)
    assert [one.references[0] for one in found["test"]] == ["0", "1", "2"]
    assert len(images(found["train"])) + len(images(found["val"])) == COUNT
    with found["test"][2].pictures[0].open() as image:
        assert image.getpixel((0, 0)) == (2, 0, 0)


def test_what_is_wrong_is_a_broken_record_or_a_refusal(source: Path) -> None:
    task = conversation_task("own", file="train.json", score="contains")
    write(source / "train.json", talk(0), talk(99), {"id": "b", "conversations": []}, ["a"])
    broken = {
        one.reason for split in ("train", "val", "test") for one in task.read(split, source) if isinstance(one, Broken)
    }
    assert any("there is no image 'images/99.png'" in reason for reason in broken)
    assert any("not of human and gpt in turns" in reason for reason in broken)
    assert "a list, no object" in broken
    (source / "train.json").unlink()
    with pytest.raises(UserError, match=r"own: 1 of 2 files is missing under .*: train\.json\. Put train\.json besi"):
        task.at(source)


def test_a_file_of_one_s_own_names_it_in_three_lines(source: Path) -> None:
    path = source / "own.py"
    path.write_text(
        "from atlas.tasks import conversation_task\n\n"
        'TASK = conversation_task("scans", file="train.json", score="anls")\n'
    )
    found = find_task(f"{path}:TASK")
    assert (found.score, found.answer_kind) == ("anls", "texts")
    assert "val is a seeded 10% and test 20% of the images of train.json" in found.split_note
