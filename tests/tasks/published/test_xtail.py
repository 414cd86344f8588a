from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from atlas.tasks import TASKS, Record, Task
from atlas.tasks.published.xtail import TEMPLATES, XTAIL, read_few
from atlas.tasks.sample import Broken
from atlas.tasks.suites import find_suite

TWIN = TASKS["xtail-food101-twin"]


def counts(task: Task, split: str) -> Counter[object]:
    return Counter(one.label for one in task.read(split, None) if isinstance(one, Record))


def test_train_has_sixteen_pictures_a_class_and_val_four() -> None:
    assert set(counts(TWIN, "train").values()) == {16}
    assert set(counts(TWIN, "val").values()) == {4}


def test_they_are_the_first_of_the_whole_task_and_test_is_all_of_it() -> None:
    whole = TASKS["food101-twin"]
    assert counts(TWIN, "test") == counts(whole, "test")
    every = [one.id for one in whole.read("train", None) if isinstance(one, Record)]
    few = [one.id for one in TWIN.read("train", None) if isinstance(one, Record)]
    assert few == [one for one in every if one in set(few)]


def test_broken_records_are_told_beyond_the_shots() -> None:
    def read(split: str, source: Path | None) -> Iterator[Record | Broken]:
        yield from [Record(id="1", pictures=(), texts=("a",), label=0)] * 20
        yield Broken(where="a:1", reason="gone")

    found = list(read_few("train", None, read=read))
    assert len(found) == 17
    assert isinstance(found[-1], Broken)


def test_one_template_serves_all_since_the_task_is_not_known() -> None:
    assert {task.templates for task in XTAIL.values()} == {TEMPLATES}
    assert all("16 shots" in task.title and "16 and 4 pictures" in task.split_note for task in XTAIL.values())
    assert set(find_suite("xtail").tasks) == set(XTAIL)
    assert "one label space" in find_suite("xtail-twin").in_words()
