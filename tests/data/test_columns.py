from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atlas.backbones.processor import Processor
from atlas.data.columns import array, column, flaw, label_rows, record_schema
from atlas.tasks import Record, Task
from tests.backbones.toys import CHOICES, PAIRS, SHADES, picture_of

GOOD = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), label=1)


def test_a_record_of_the_declared_shape_has_no_flaw() -> None:
    for task in (SHADES, CHOICES, PAIRS):
        assert {flaw(task, record) for record in task.read("train", None) if isinstance(record, Record)} == {""}


@pytest.mark.parametrize(
    ("task", "record", "message"),
    [
        (SHADES, replace(GOOD, texts=("word1", "word2")), "2 texts, the task declares 1"),
        (SHADES, replace(GOOD, pictures=()), "0 pictures, the task declares 1"),
        (SHADES, replace(GOOD, label=3), "label 3 (score 1.0) is out of range 0 to 2"),
        (SHADES, replace(GOOD, label=-1), "label -1"),
        (SHADES, replace(GOOD, label=((1, 1.0),)), "does not fit a task scored by 'accuracy'"),
        (SHADES, replace(GOOD, texts=("\udc80",)), "half a character"),
        (PAIRS, replace(GOOD, pictures=GOOD.pictures * 2), "does not fit a task scored by 'soft'"),
        (PAIRS, replace(GOOD, pictures=GOOD.pictures * 2, label=((0, 1.5),)), "score 1.5"),
        (CHOICES, replace(GOOD, texts=("word1",) * 4), "1 picture in a language-only task"),
        (CHOICES, replace(GOOD, pictures=(), texts=("word1",) * 5), "5 texts, the task declares 4"),
    ],
)
def test_a_malformed_record_has_a_flaw_that_names_it(task: Task, record: Record, message: str) -> None:
    assert message in flaw(task, record)


def test_soft_labels_become_one_score_a_class() -> None:
    record = replace(GOOD, label=((1, 1.0), (2, 0.3)))
    assert label_rows(PAIRS, [record]).tolist() == [[0.0, 1.0, pytest.approx(0.3)]]
    assert label_rows(SHADES, [GOOD]).tolist() == [1]


def test_a_column_gives_back_its_array() -> None:
    for values in (np.arange(6, dtype=np.int32), np.arange(6, dtype=np.float32).reshape(2, 3)):
        again = array(column(values))
        assert again.dtype == values.dtype
        assert np.array_equal(again, values)


def test_targets_stand_in_place_of_a_label_where_scores_are_soft(processor: Processor) -> None:
    assert record_schema(SHADES, processor).names[-1] == "label"
    assert record_schema(PAIRS, processor).names[-1] == "targets"
    assert record_schema(replace(CHOICES, score="soft"), processor).names[-1] == "targets"
