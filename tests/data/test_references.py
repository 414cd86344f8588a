"""Tasks of free texts: their references on the way from the reader to a batch, and what their card says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atlas.backbones.processor import Processor
from atlas.data.card_page import page_of
from atlas.data.columns import flaw, record_schema
from atlas.data.loader import NO_CLASS, open_split
from atlas.data.prepare import Prepared, prepare
from atlas.data.shard import RecordShard
from atlas.data.task_check import check_task
from atlas.runtime.errors import UserError
from atlas.tasks import Record
from tests.backbones.toys import NAMES, SHADES, picture_of, read_names

WRITTEN = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), references=("a fox", "fox"))


@pytest.fixture(scope="module")
def prepared(processor: Processor, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(NAMES, processor=processor, root=tmp_path_factory.mktemp("names"))


def test_a_batch_has_the_references_of_its_records_in_order(prepared: Prepared) -> None:
    split = open_split(prepared.path, "train")
    batch = split.batch(torch.tensor([3, 0, 24])).to("cpu")
    expected = [record.references for record in read_names("train", None)]
    assert batch.references is not None
    assert batch.references == (expected[3], expected[0], expected[24])
    assert batch.references[0] == ("answer 0", "Ans | wer")
    assert batch.targets.tolist() == [NO_CLASS] * 3
    assert len(batch) == 3
    assert split.targets.tolist() == [NO_CLASS] * 25


def test_a_limit_leaves_the_first_records_alone(prepared: Prepared) -> None:
    with pytest.raises(UserError, match="records 9 to 9 asked of 4"):
        open_split(prepared.path, "train", 4).batch(torch.tensor([9]))


def test_the_card_counts_the_commonest_texts_and_scores_the_best_constant_one(prepared: Prepared) -> None:
    card = prepared.card
    assert (card.answer_kind, card.classes, card.outputs) == ("texts", 0, 0)
    assert card.balance["train"] == {"answer 0": 9, "answer 1": 8, "answer 2": 8}
    assert card.majority["train"] == pytest.approx(100 * 9 / 25)
    page = page_of(card)
    assert "- Score: exact-lower, free texts; chance 0.00 %" in page
    assert "| answer 0 | 36.00 % |" in page


def test_a_free_text_stands_in_one_line_and_one_cell_of_the_card_s_table(prepared: Prepared) -> None:
    balance = {split: {"a\n| b": 2.0, "c" * 99: 1.0} for split in prepared.card.balance}
    page = page_of(prepared.card.model_copy(update={"balance": balance}))
    assert "| a \\| b | 8.00 % |" in page
    assert f"| {'c' * 59}… | 4.00 % |" in page


def test_other_tasks_have_no_references_and_their_columns_and_shards_are_what_they_were(
    processor: Processor, tmp_path: Path
) -> None:
    assert record_schema(SHADES, processor).names == ["id", "pictures", "tokens", "label"]
    assert record_schema(NAMES, processor).names == ["id", "pictures", "tokens", "references"]
    made = prepare(SHADES, processor=processor, root=tmp_path)
    assert open_split(made.path, "val").batch(torch.arange(2)).references is None
    records = tuple(replace(one, pictures=()) for one in SHADES.read("val", None) if isinstance(one, Record))
    shard = RecordShard(file="x", records=records[:1], rows=torch.zeros(1, 1).int().numpy())
    assert shard.digest == "8ffc3bff361f627fdb9a48bdcfb1d3a9b89b59ceffcd206c6a5426a96e2e92e8"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (replace(WRITTEN, references=()), "no reference"),
        (replace(WRITTEN, references=("a", " ")), "an empty reference"),
        (replace(WRITTEN, references=("\udc80",)), "half a character"),
        (replace(WRITTEN, label=1), "label 1 in a task of free texts"),
    ],
)
def test_a_record_that_is_no_free_text_has_a_flaw(record: Record, message: str) -> None:
    assert flaw(NAMES, WRITTEN) == ""
    assert message in flaw(NAMES, record)


def test_references_in_a_task_of_classes_are_a_flaw() -> None:
    assert "2 references, but the task is scored by 'accuracy'" in flaw(SHADES, replace(WRITTEN, label=1))


def test_a_task_of_free_texts_that_declares_classes_is_refused(processor: Processor) -> None:
    with pytest.raises(UserError, match="scored by 'exact-lower', a score of free texts, and declares classes"):
        check_task(replace(NAMES, answers=("a", "b")), processor)
    with pytest.raises(UserError, match="declares classes or choices"):
        check_task(replace(NAMES, choices=2), processor)
