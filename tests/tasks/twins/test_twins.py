"""Contract of every twin, run over all of them: a new one is tested for free."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import SPLITS, TASKS, Record, Task
from atlas.tasks.offline.words import PUNCTUATION, word_list
from atlas.tasks.twins import TWINS, Sizes
from tests.tasks.twins.probes import scene

GOLDEN = {  # of the first records and their scenes
    "snli-ve-twin": "2d57037ef0f3aa69",
    "piqa-twin": "bb4fdc10f6976655",
    "inaturalist-twin": "c81bb9a55bd4235c",
    "vqa-twin": "6168fa173101dee7",
    "vcr-twin": "3472dd292c3d5cbe",
    "commonsense-qa-twin": "9c7bb33e0c9ca5fa",
    "places365-twin": "8fb26ae6005c1c8a",
    "nlvr2-twin": "aa41f3d1032c8ba1",
}
MOST_WORDS = 22  # and two tokens at the ends: vilt-tiny reads 28


@pytest.fixture(params=sorted(TWINS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def text_of(records: list[Record]) -> str:
    lines = [f"{r.id} {r.texts} {r.label} {[(p.name, scene(p).digest()) for p in r.pictures]}" for r in records]
    return "\n".join(lines)


def some(task: Task, split: str, count: int = 60) -> list[Record]:
    return list(itertools.islice(task.read(split, None), count))  # type: ignore[arg-type]


def test_the_catalogue_has_every_twin_and_its_sister(name: str) -> None:
    assert TASKS[name].name == name == f"{TWINS[name].sister}-twin"
    assert TASKS[TWINS[name].sister].role == TASKS[name].role


def test_the_records_are_the_same_on_every_machine(name: str) -> None:
    found = "\n".join(text_of(some(TASKS[name], split)) for split in SPLITS)
    assert hashlib.sha256(found.encode()).hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("sizes", [Sizes(train=1, val=3, test=7), Sizes(train=601, val=101, test=2, seed=5)])
def test_any_size_is_met_exactly(name: str, sizes: Sizes) -> None:
    task = TWINS[name].make(sizes)
    assert [len(list(task.read(split, None))) for split in SPLITS] == [sizes.train, sizes.val, sizes.test]


def test_a_larger_twin_begins_like_the_smaller(name: str) -> None:
    small, large = (list(TWINS[name].make(Sizes(train=n)).read("train", None)) for n in (100, 300))
    assert text_of(large[:100]) == text_of(small)  # type: ignore[arg-type]


def test_records_are_drawn_one_after_another_whatever_the_size(name: str) -> None:
    huge = TWINS[name].make(Sizes(train=10**12, val=10**12, test=10**12))
    assert [len(some(huge, split, 10)) for split in SPLITS] == [10, 10, 10]


def test_another_seed_gives_other_records_and_another_source(name: str) -> None:
    one, other = TWINS[name].make(Sizes()), TWINS[name].make(Sizes(seed=1))
    assert text_of(some(one, "train")) != text_of(some(other, "train"))
    assert one.sources(None) != other.sources(None)


def test_an_empty_split_is_refused(name: str) -> None:
    with pytest.raises(AtlasError, match=f"{name} needs at least 1 record a split, got val=0"):
        TWINS[name].make(Sizes(val=0))


def test_texts_are_short_and_of_words_that_the_shipped_backbone_knows(name: str) -> None:
    known = {*word_list(), *PUNCTUATION, "[SEP]"}
    for record in some(TASKS[name], "train", 1000):
        for text in record.texts:
            assert len(text.split()) <= MOST_WORDS
            assert set(text.split()) <= known


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_balanced(name: str, split: str) -> None:
    task = TASKS[name]
    if task.score == "soft":
        pytest.skip("its answers are of kinds that are asked for more or less often")
    counts = Counter(record.label for record in task.read(split, None) if isinstance(record, Record))
    assert max(counts.values()) - min(counts.values()) <= 3


def test_no_scene_is_in_two_splits(name: str) -> None:
    shown = [{scene(p).digest() for r in some(TASKS[name], split, 500) for p in r.pictures} for split in SPLITS]
    for one, other in itertools.combinations(shown, 2):
        assert not one & other
