"""Karpathy's split files: what is read, and what is wrong with an entry or the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from atlas.runtime.errors import UserError
from atlas.tasks import Record, Task, caption_task, find_task
from atlas.tasks.sample import Broken

FILE = "captions.json"
SPLITS = ("train", "train", "val", "test")


def entry(number: int, part: str, **changed: Any) -> dict[str, Any]:
    said = [{"raw": f"a  picture\n{number} ", "tokens": []}, {"raw": f"number {number}"}, {"raw": f"number {number}"}]
    return {"filename": f"{number}.png", "imgid": number, "split": part, "sentences": said} | changed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


@pytest.fixture
def task() -> Task:
    return caption_task("own", file=FILE)


def write(source: Path, *entries: object) -> None:
    (source / FILE).write_text(json.dumps({"dataset": "own", "images": list(entries)}))


def sound() -> list[dict[str, Any]]:
    return [entry(number, split) for number, split in enumerate(SPLITS)]


def reasons(task: Task, source: Path, split: str = "train") -> list[str]:
    return [f"{one.where}: {one.reason}" for one in task.read(split, source) if isinstance(one, Broken)]


def test_an_image_is_a_record_with_its_different_captions_in_a_line_each(task: Task, source: Path) -> None:
    write(source, *sound())
    read = {split: list(task.read(split, source)) for split in ("train", "val", "test")}
    assert [len(found) for found in read.values()] == [2, 1, 1]
    (record,) = read["val"]
    assert isinstance(record, Record)
    assert record.references == ("a picture 2", "number 2")
    assert (record.id, record.where) == ("2.png", "captions.json: images[2]")
    with record.pictures[0].open() as image:
        assert image.getpixel((0, 0)) == (2, 0, 0)


def test_restval_is_trained_on_and_a_path_may_have_a_folder(task: Task, source: Path) -> None:
    (source / "images" / "val2014").mkdir()
    (source / "images" / "5.png").rename(source / "images" / "val2014" / "5.png")
    write(source, *sound(), entry(5, "restval", filepath="val2014"))
    assert [one.id for one in task.read("train", source) if isinstance(one, Record)][-1] == "val2014/5.png"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"split": "dev"}, "images[4]: unknown split 'dev'"),
        ({"split": 1}, "the field 'split' is 1, a int"),
        ({"filename": "9.png"}, "there is no image '9.png'"),
        ({"filename": "../4.png"}, "leaves its folder"),
        ({"sentences": []}, "the list 'sentences' is empty, so that the image has no caption"),
        ({"sentences": ["a dog"]}, "sentence 0 is 'a dog'; give an object with the caption as 'raw'"),
        ({"sentences": [{"raw": " \n"}]}, "sentence 0 is blank"),
        ({"sentences": [{"tokens": ["a"]}]}, "field 'raw'"),
        ({"filename": "0.png"}, "another record has the id '0.png' too"),
    ],
)
def test_an_entry_that_is_wrong_is_a_broken_record_of_training_alone(
    task: Task, source: Path, changed: dict[str, Any], reason: str
) -> None:
    write(source, *sound(), entry(4, "train", **changed))
    (said,) = reasons(task, source)
    assert reason in said
    assert not reasons(task, source, "val")
    assert not reasons(task, source, "test")


def test_a_split_without_images_is_told_with_those_that_there_are(task: Task, source: Path) -> None:
    write(source, *(one | {"split": "testing" if one["split"] == "test" else one["split"]} for one in sound()))
    with pytest.raises(
        UserError, match=r"no image of the split 'test'; its splits are 'train' \(2\), 'val' \(1\), 'te"
    ):
        list(task.read("test", source))


def test_files_that_are_missing_are_told_before_anything_is_read(task: Task, source: Path) -> None:
    with pytest.raises(
        UserError, match=r"own: 1 of 2 files is missing under .*: captions.json\. Put captions.json besi"
    ):
        task.at(source)


def test_a_score_of_texts_makes_it_a_task_that_is_written(source: Path) -> None:
    assert caption_task("own", file=FILE).answer_kind == "captions"
    written = caption_task("own", file=FILE, score="cider", prompt="say what it shows .")
    write(source, *sound())
    (record,) = written.read("val", source)
    assert isinstance(record, Record)
    assert (written.answer_kind, record.texts) == ("texts", ("say what it shows .",))


def test_a_file_of_one_s_own_names_it_in_three_lines(source: Path) -> None:
    path = source / "own.py"
    path.write_text(
        'from atlas.tasks import caption_task\n\nTASK = caption_task("album", file="a.json", score="recall@10")\n'
    )
    assert find_task(f"{path}:TASK").score == "recall@10"
    path.write_text(path.read_text().replace("album", "other").replace("@10", "@2"))
    with pytest.raises(UserError, match="unknown score 'recall@2'. Did you mean 'recall@5'"):
        find_task(f"{path}:TASK")
