from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.offline.words import PUNCTUATION, word_list
from atlas.tasks.published.vqacl import FOLDER, LIST, TYPES, VQACL
from atlas.tasks.sample import Broken, Skipped
from atlas.tasks.twins.twin import Sizes
from atlas.tasks.twins.vqacl import VQACL_TWINS
from tests.tasks.raw_images import FEW_QUESTIONS, RAW

SIZES = Sizes(train=160, val=6, test=8, seed=3)


def read(task: Task, split: str, source: Path | None) -> dict[str, Record]:
    found = list(task.read(split, source))
    records = {one.id: one for one in found if isinstance(one, Record)}
    assert len(records) == len(found)
    return records


@pytest.mark.parametrize("kind", TYPES)
def test_each_twin_is_read_by_its_sister_as_the_very_records(kind: str, tmp_path: Path) -> None:
    twin = VQACL_TWINS[f"vqacl-{kind}-twin"]
    twin.write_raw(tmp_path, SIZES)
    ours, theirs = twin.make(SIZES), VQACL[f"vqacl-{kind}"].at(tmp_path)
    assert ours.answers == theirs.answers
    for split in SPLITS:
        mine, written = read(ours, split, None), read(theirs, split, tmp_path)
        assert mine.keys() == written.keys()
        for key, record in mine.items():
            assert dataclasses.replace(written[key], pictures=()) == dataclasses.replace(record, pictures=())
        one = next(iter(mine))
        assert mine[one].pictures[0].open().tobytes() == written[one].pictures[0].open().tobytes()


def test_all_types_may_lie_in_one_folder(tmp_path: Path) -> None:
    for kind in ("judge", "count"):
        VQACL_TWINS[f"vqacl-{kind}-twin"].write_raw(tmp_path, FEW_QUESTIONS)
    ids = [set(read(VQACL[f"vqacl-{kind}"].at(tmp_path), "train", tmp_path)) for kind in ("judge", "count")]
    assert [len(found) for found in ids] == [FEW_QUESTIONS.train] * 2
    assert not ids[0] & ids[1]


def test_questions_are_of_words_that_the_shipped_backbones_know() -> None:
    known = {*word_list(), *PUNCTUATION}
    for name in VQACL_TWINS:
        for record in list(TASKS[name].read("train", None))[:100]:
            assert isinstance(record, Record)
            assert set(record.texts[0].split()) <= known
            assert len(record.texts[0].split()) <= 14


def test_without_a_file_of_val_a_share_of_the_training_images_is_held_out(tmp_path: Path) -> None:
    source = RAW["vqacl-judge"](tmp_path)
    task = VQACL["vqacl-judge"]
    before, test = set(read(task, "train", source)), set(read(task, "test", source))
    (source / FOLDER / LIST.format("val", "judge")).unlink()
    train, val = (set(read(task, split, source)) for split in ("train", "val"))
    assert train | val == before
    assert not train & val
    assert val
    assert set(read(task, "test", source)) == test


def test_a_question_without_a_class_is_skipped_in_train_and_kept_in_test(tmp_path: Path) -> None:
    source = RAW["vqacl-judge"](tmp_path)
    for split in ("train", "test"):
        path = source / FOLDER / LIST.format(split, "judge")
        items = json.loads(path.read_text())
        items[0]["answers"] = [{"answer": "nobody knows"}]
        path.write_text(json.dumps(items))
    task = VQACL["vqacl-judge"].at(source)
    skipped = [one for one in task.read("train", source) if isinstance(one, Skipped)]
    assert [one.reason for one in skipped] == ["none of its answers is a class"]
    assert () in [one.label for one in task.read("test", source) if isinstance(one, Record)]


def test_entries_that_cannot_be_read_are_broken(tmp_path: Path) -> None:
    source = RAW["vqacl-judge"](tmp_path)
    path = source / FOLDER / LIST.format("test", "judge")
    items = json.loads(path.read_text())[:4]
    items[0]["img_id"], items[1]["answers"], items[2]["question_id"] = "COCO_1", [], "a"
    path.write_text(json.dumps(items))
    reasons = [one.reason for one in VQACL["vqacl-judge"].read("test", source) if isinstance(one, Broken)]
    assert len(reasons) == 3
    assert "neither train2014 nor val2014" in reasons[0]
    assert "'answers' is empty" in reasons[1]


@pytest.mark.parametrize("content", ["{}", "[]", "[1"])
def test_a_list_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    source = RAW["vqacl-judge"](tmp_path)
    (source / FOLDER / LIST.format("test", "judge")).write_text(content)
    with pytest.raises(AtlasError, match=r"is no list, or an empty one|cannot be read as JSON"):
        list(VQACL["vqacl-judge"].read("test", source))
