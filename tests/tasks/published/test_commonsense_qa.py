from __future__ import annotations

from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, Broken, Record
from atlas.tasks.published.commonsense_qa import COMMONSENSE_QA
from tests.tasks.raw_unimodal import csqa_row, write_csqa, write_jsonl


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_csqa(tmp_path / "csqa")


def read(split: str, source: Path) -> list[Record]:
    found = list(COMMONSENSE_QA.read(split, source))
    assert not [record for record in found if isinstance(record, Broken)]
    return [record for record in found if isinstance(record, Record)]


def test_choices_stand_in_the_order_of_their_labels(source: Path) -> None:
    record = read("test", source)[3]
    stem = "Where is dev thing 3?"
    assert record == Record(
        id="dev0003", pictures=(), texts=tuple(f"{stem} [SEP] {label}3" for label in "abcde"), label=3
    )


def test_the_splits_are_the_authors_and_a_part_of_train(source: Path) -> None:
    ids = {split: [record.id for record in read(split, source)] for split in SPLITS}
    assert ids["test"] == [f"dev{i:04x}" for i in range(5)]
    assert 0 < len(ids["val"]) < 12
    assert sorted(ids["train"] + ids["val"]) == [f"train{i:04x}" for i in range(40)]


def test_a_question_asked_twice_is_in_one_split(source: Path) -> None:
    rows = [{**csqa_row(i), "question": csqa_row(i // 2)["question"]} for i in range(80)]
    write_jsonl(source / "train_rand_split.jsonl", rows)
    stems = {split: {record.texts[0] for record in read(split, source)} for split in SPLITS}
    assert stems["val"]
    assert not stems["train"] & stems["val"]


def test_what_cannot_be_read_is_told_with_its_line(source: Path) -> None:
    rows = [csqa_row(i, part="dev") for i in (*range(7), 6)]
    rows[0]["answerKey"] = "F"
    rows[1]["question"]["stme"] = rows[1]["question"].pop("stem")
    rows[2]["question"]["choices"][0]["label"] = "A"
    rows[3]["question"]["choices"].pop()
    rows[4]["question"]["choices"][2] = "text"
    del rows[5]["answerKey"]
    write_jsonl(source / "dev_rand_split.jsonl", rows)
    found = list(COMMONSENSE_QA.read("test", source))
    reasons = {record.where: record.reason for record in found if isinstance(record, Broken)}
    assert len(found) == 8
    assert list(reasons) == [f"dev_rand_split.jsonl:{i}" for i in (*range(1, 7), 8)]
    said = list(reasons.values())
    assert "unknown label 'F'" in said[0]
    assert "'stem'. Did you mean 'stme'" in said[1]
    assert "labelled A, A, D, B, E; they should be A, B, C, D, E" in said[2]
    assert "labelled C, A, D, B; they" in said[3]
    assert "missing field 'label'" in said[4]
    assert "missing field 'answerKey'" in said[5]
    assert "another record has the id 'dev0006' too" in said[6]


def test_missing_files_are_named(source: Path) -> None:
    (source / "dev_rand_split.jsonl").unlink()
    with pytest.raises(AtlasError, match="1 of 2 files is missing .*dev_rand_split.jsonl.* Get CommonsenseQA from"):
        COMMONSENSE_QA.at(source)


def test_the_sources_are_the_digests_of_both_files(source: Path) -> None:
    assert {name: len(found) for name, found in COMMONSENSE_QA.sources(source).items()} == {
        "train_rand_split.jsonl": 64,
        "dev_rand_split.jsonl": 64,
    }
