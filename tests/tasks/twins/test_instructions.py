"""Each twin, written as its benchmark publishes it, is read as the very records of the twin."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from atlas.runtime.errors import UserError
from atlas.tasks import SPLITS, TASKS, Record
from atlas.tasks.sample import Broken
from atlas.tasks.scoring import TEXT_SCORES
from atlas.tasks.scoring.boxes import box_of
from atlas.tasks.twins.instructions import INSTRUCTION_TWINS, InstructionTwin
from atlas.tasks.twins.twin import Sizes

FEW = Sizes(train=24, val=4, test=8, seed=3)


@pytest.fixture(scope="module", params=sorted(INSTRUCTION_TWINS))
def twin(request: pytest.FixtureRequest) -> InstructionTwin:
    return INSTRUCTION_TWINS[request.param]


@pytest.fixture(scope="module")
def source(twin: InstructionTwin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(twin.sister)
    twin.write_raw(folder, FEW)
    return folder


def bare(found: list[Record | Broken]) -> list[Record]:
    assert all(isinstance(one, Record) for one in found)
    return [dataclasses.replace(one, pictures=()) for one in found if isinstance(one, Record)]


def test_the_benchmark_s_reader_reads_the_same_records(twin: InstructionTwin, source: Path) -> None:
    ours, theirs = twin.make(FEW), TASKS[twin.sister].at(source)
    assert (ours.score, ours.answer_kind) == (theirs.score, theirs.answer_kind)
    for split in SPLITS:
        assert bare(list(theirs.read(split, source))) == bare(list(ours.read(split, None)))


def test_the_right_answer_is_right_by_the_benchmark_s_rule(twin: InstructionTwin) -> None:
    records = bare(list(twin.make(FEW).read("test", None)))
    score = TEXT_SCORES[twin.scored].score([one.references[0] for one in records], [one.references for one in records])
    assert score == 100.0 if twin.scored != "cider" else score > 20  # short captions have no long runs of words


def test_kinds_of_answers_are_those_that_are_told() -> None:
    kinds = {name: TASKS[name].answer_kind for name in INSTRUCTION_TWINS}
    assert kinds.pop("coin-grounding-twin") == "box"
    assert set(kinds.values()) == {"texts"}
    boxes = [one.references[0] for one in bare(list(TASKS["coin-grounding-twin"].read("val", None)))]
    assert all(box is not None and box[0] < box[2] and box[1] < box[3] for box in map(box_of, boxes))
    captions = bare(list(TASKS["ucit-flickr30k-twin"].read("test", None)))
    assert all(len(set(one.references)) == 3 for one in captions)


def test_a_folder_that_lacks_the_captions_is_refused_with_where_they_were_looked_for(tmp_path: Path) -> None:
    INSTRUCTION_TWINS["ucit-flickr30k-twin"].write_raw(tmp_path, FEW)
    (tmp_path / "Flickr30k" / "val_coco_type_3000.json").unlink()
    with pytest.raises(UserError, match=r"ucit-flickr30k: 1 of 4 files is missing under .*val_coco_type_3000.json"):
        TASKS["ucit-flickr30k"].at(tmp_path)


def test_captions_of_another_number_of_images_are_those_of_another_test(tmp_path: Path) -> None:
    INSTRUCTION_TWINS["ucit-flickr30k-twin"].write_raw(tmp_path, FEW)
    path = tmp_path / "Flickr30k" / "test_3000.json"
    path.write_text(json.dumps(json.loads(path.read_text())[1:]))
    with pytest.raises(UserError, match=r"test_3000.json has 7 questions, and the file of its references 8 images"):
        list(TASKS["ucit-flickr30k"].read("test", tmp_path))


def test_instructions_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    INSTRUCTION_TWINS["coin-vqav2-twin"].write_raw(tmp_path, FEW)
    (tmp_path / "Instruction_Type1").mkdir()
    (tmp_path / "VQAv2").rename(tmp_path / "Instruction_Type1" / "VQAv2")
    (tmp_path / "cl_dataset").mkdir()
    (tmp_path / "COCO2014").rename(tmp_path / "cl_dataset" / "COCO2014")
    task = TASKS["coin-vqav2"].at(tmp_path)
    assert len(bare(list(task.read("test", tmp_path)))) == FEW.test


def test_an_ability_s_test_lies_in_another_folder_than_its_training(tmp_path: Path) -> None:
    twin = dataclasses.replace(
        INSTRUCTION_TWINS["coin-vqav2-twin"],
        sister="acl-ocr",
        folder="OCR",
        images={"train": "images/a", "test": "images/b"},
    )
    twin.write_raw(tmp_path, FEW)
    (tmp_path / "OCR_test").mkdir()
    (tmp_path / "OCR" / "test.json").rename(tmp_path / "OCR_test" / "test.json")
    for folder, image in (("OCR", "a"), ("OCR_test", "b")):
        (tmp_path / folder / "images").mkdir()
        for path in (tmp_path / "images").glob(f"{image}*"):
            path.rename(tmp_path / folder / "images" / path.name)
    (tmp_path / "images").rmdir()
    task = TASKS["acl-ocr"].at(tmp_path)
    assert [len(bare(list(task.read(split, tmp_path)))) for split in SPLITS] == [24, 4, 8]


def test_a_whole_training_file_is_read_before_a_part_of_it(tmp_path: Path) -> None:
    INSTRUCTION_TWINS["trigap-docvqa-twin"].write_raw(tmp_path, FEW)
    whole = tmp_path / "instructions" / "DocVQA" / "train_converted.json"
    part = whole.with_name("train_converted_sub.json")
    part.write_text(json.dumps(json.loads(whole.read_text())[:6]))
    for path, count in ((whole, FEW.train + FEW.val), (part, 6)):
        task = TASKS["trigap-docvqa"].at(tmp_path)
        assert sum(len(list(task.read(split, tmp_path))) for split in ("train", "val")) == count
        path.unlink()
    with pytest.raises(UserError, match=r"instructions/DocVQA/train_converted.json or .*huggingface.co/datasets/Junta"):
        TASKS["trigap-docvqa"].at(tmp_path)


def test_missing_images_are_broken_records_that_name_them(tmp_path: Path) -> None:
    INSTRUCTION_TWINS["coin-vqav2-twin"].write_raw(tmp_path, FEW)
    entries = json.loads((tmp_path / "VQAv2" / "test.json").read_text())
    (tmp_path / entries[2]["image"]).unlink()
    found = list(TASKS["coin-vqav2"].read("test", tmp_path))
    broken = [one for one in found if isinstance(one, Broken)]
    assert [(one.where, one.reason) for one in broken] == [
        ("test.json: [2]", f"there is no image {entries[2]['image']!r}")
    ]
    assert len(found) == FEW.test


def test_the_right_options_may_be_in_the_file_of_the_problems(tmp_path: Path) -> None:
    twin = dataclasses.replace(
        INSTRUCTION_TWINS["coin-vqav2-twin"],
        sister="coin-scienceqa",
        folder="ScienceQA",
        images={"train": "ScienceQA/train/", "test": "ScienceQA/test/"},
    )
    twin.write_raw(tmp_path, FEW)
    path = tmp_path / "ScienceQA" / "test.json"
    entries = json.loads(path.read_text())
    for entry in entries:
        entry.pop("answer")
    path.write_text(json.dumps(entries))
    task = TASKS["coin-scienceqa"].at(tmp_path)
    assert all(isinstance(one, Broken) and "'answer'" in one.reason for one in task.read("test", tmp_path))
    before = task.sources(tmp_path)
    problems = {one["question_id"]: {"answer": place % 3} for place, one in enumerate(entries)}
    (tmp_path / "ScienceQA" / "problems.json").write_text(json.dumps(problems))
    right = [one.references for one in bare(list(task.read("test", tmp_path)))]
    assert right[:4] == [("A",), ("B",), ("C",), ("A",)]
    assert set(task.sources(tmp_path)) - set(before) == {"problems.json"}
    (tmp_path / "ScienceQA" / "problems.json").write_text("[]")
    with pytest.raises(UserError, match=r"problems.json has no references of ScienceQA"):
        list(task.read("test", tmp_path))
