from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from atlas.data.record_check import checked
from atlas.tasks import Picture, Record, Task
from atlas.tasks.reading.files import Unreadable
from tests.backbones.toys import PAIRS, SHADES, picture_of

GOOD = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), label=1)
SOFT = replace(GOOD, pictures=GOOD.pictures * 2)


@pytest.mark.parametrize("label", [np.int64(2), np.uint8(2), np.array(2), torch.tensor(2), 2])
def test_whole_numbers_of_any_type_are_labels(label: Any) -> None:
    found = checked(SHADES, replace(GOOD, label=label))
    assert (found.label, type(found.label)) == (2, int)


def test_scores_of_any_type_are_scores_and_lists_are_tuples() -> None:
    label: Any = [[np.int32(1), np.float32(0.5)], (2, 1)]
    found = checked(PAIRS, replace(SOFT, label=label, pictures=list(SOFT.pictures), texts=["word1"]))  # type: ignore[arg-type]
    assert found.label == ((1, 0.5), (2, 1.0))
    assert (found.pictures, found.texts) == (SOFT.pictures, ("word1",))


@pytest.mark.parametrize(
    ("task", "item", "reason"),
    [
        (SHADES, None, "the reader gives None, a NoneType, no Record"),
        (SHADES, {"id": "a"}, "a dict, no Record"),
        (SHADES, replace(GOOD, id=5), "the id is 5, a int"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, id=None), "the id is None"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, texts=(None,)), "text 0 is None, a NoneType"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, texts=(b"a",)), "text 0 is b'a', a bytes"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, texts="word1"), "the texts are 'word1', a str; give a tuple"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, texts=None), "the texts are None"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, pictures=GOOD.pictures[0]), "a Picture; give a tuple"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, pictures=("a.png",)), "picture 0 is 'a.png', a str"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, pictures=(Picture(name=3, open=print),)), "give a Picture with its name"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, pictures=(Picture(name="a", open=3),)), "and a function"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, label=1.0), "the label is 1.0, a float; give its class's number"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, label="1"), "the label is '1', a str"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, label=None), "the label is None"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, label=np.float64(1)), "a float64"),  # type: ignore[arg-type]
        (SHADES, replace(GOOD, label=np.array([1, 2])), "a ndarray"),  # type: ignore[arg-type]
        (PAIRS, replace(SOFT, label=((1, float("nan")),)), "score nan"),
        (PAIRS, replace(SOFT, label=(1, 2)), "give pairs"),  # type: ignore[arg-type]
        (PAIRS, replace(SOFT, label=((1, "x"),)), "give pairs"),  # type: ignore[arg-type]
        (PAIRS, replace(SOFT, label=((1, 0.5), (1, 0.2))), "scores the class 1 twice"),
        (SHADES, replace(GOOD, label=np.int64(7)), "label 7 (score 1.0) is out of range"),  # type: ignore[arg-type]
    ],
)
def test_anything_else_is_told_by_its_value_and_type(task: Task, item: Any, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        checked(task, item)
    assert reason in str(caught.value)
