from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter

import pytest
import torch

from atlas.data.few_shot import Shots, few_share, few_shot
from atlas.runtime.errors import AtlasError

CLASSES = torch.arange(1000) % 4
UNEVEN = torch.tensor([0] * 50 + [1] * 3 + [2] * 20)
FIRST_FIVE = [148, 240, 420, 626, 943]


def chosen(shots: int, *, per_class: bool = False, seed: int = 0) -> set[int]:
    return set(few_shot(CLASSES, shots=shots, per_class=per_class, seed=seed).tolist())


@pytest.mark.parametrize("per_class", [False, True])
def test_fewer_shots_lie_inside_more(per_class: bool) -> None:
    sets = [chosen(shots, per_class=per_class) for shots in (1, 16, 32, 200)]
    assert all(fewer < more for fewer, more in itertools.pairwise(sets))
    assert [len(one) for one in sets] == [shots * (4 if per_class else 1) for shots in (1, 16, 32, 200)]


@pytest.mark.parametrize("per_class", [False, True])
def test_smaller_shares_lie_inside_larger(per_class: bool) -> None:
    sets = [set(few_share(CLASSES, fraction=share, per_class=per_class, seed=3).tolist()) for share in (0.05, 0.1, 1.0)]
    assert [len(one) for one in sets] == [48 if per_class else 50, 100, 1000]
    assert sets[0] < sets[1] < sets[2]


def test_seeds_differ_and_each_repeats() -> None:
    assert chosen(16, seed=1) == chosen(16, seed=1)
    assert chosen(16, seed=1) != chosen(16, seed=2)


def test_a_seed_gives_these_records_on_every_machine() -> None:
    assert few_shot(CLASSES, shots=5, per_class=False, seed=0).tolist() == FIRST_FIVE


def test_each_class_gives_what_it_has_up_to_the_number() -> None:
    numbers = few_shot(UNEVEN, shots=16, per_class=True, seed=0)
    assert Counter(UNEVEN[numbers].tolist()) == {0: 16, 1: 3, 2: 16}
    assert numbers.tolist() == sorted(numbers.tolist())


def test_a_share_takes_at_least_one_of_each_class() -> None:
    numbers = few_share(UNEVEN, fraction=0.05, per_class=True, seed=0)
    assert Counter(UNEVEN[numbers].tolist()) == {0: 2, 1: 1, 2: 1}


def test_more_shots_than_records_take_all() -> None:
    assert few_shot(UNEVEN, shots=2048, per_class=False, seed=0).tolist() == list(range(len(UNEVEN)))


def test_a_soft_targets_class_is_its_highest_score() -> None:
    soft = torch.zeros(73, 3)
    soft[torch.arange(73), UNEVEN] = 0.9
    soft += 0.05
    for shots in (2, 16):
        hard, scores = (few_shot(one, shots=shots, per_class=True, seed=5) for one in (UNEVEN, soft))
        assert torch.equal(hard, scores)


@pytest.mark.parametrize(
    ("shots", "words", "size"),
    [
        (Shots(count=1), "1 record", 1),
        (Shots(count=2048), "2,048 records", 1000),
        (Shots(count=16, per_class=True), "16 records a class", 64),
        (Shots(fraction=0.05), "5 % of the records", 50),
        (Shots(fraction=0.5, per_class=True), "50 % of each class", 500),
    ],
)
def test_shots_say_what_they_choose(shots: Shots, words: str, size: int) -> None:
    assert shots.describe() == words
    assert len(shots.choose(CLASSES, seed=0)) == size


@pytest.mark.parametrize(
    ("count", "fraction", "message"),
    [
        (None, None, "give one of the two"),
        (4, 0.5, "give one of the two"),
        (0, None, "shots are 0 records"),
        (None, 0.0, "more than 0"),
        (None, 1.5, "at most 1"),
    ],
)
def test_bad_shots_are_refused(count: int | None, fraction: float | None, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        Shots(count=count, fraction=fraction)


def test_the_value_is_made_without_torch() -> None:
    code = """import sys
from atlas.data.few_shot import Shots
Shots(count=1)
print({'torch', 'numpy'} & set(sys.modules))"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
