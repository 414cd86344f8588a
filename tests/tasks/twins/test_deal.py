from __future__ import annotations

import itertools

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.splits import held_out
from atlas.tasks.twins.deal import TEST_FROM, HoldOutRule, deck, eighth, numbers

RULE = HoldOutRule(sister="vqa", share=0.2, key=str)


def test_the_training_numbers_are_dealt_by_the_sisters_rule() -> None:
    train, val = ([*itertools.takewhile(lambda n: n <= 500, numbers(split, RULE))] for split in ("train", "val"))
    assert sorted(train + val) == list(range(1, 501))
    assert val == [n for n in range(1, 501) if held_out("vqa", str(n), 0.2)]
    assert 60 < len(val) < 140


def test_the_numbers_for_reporting_are_beyond_all_others() -> None:
    assert next(numbers("test", RULE)) == TEST_FROM


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(AtlasError, match="'valid'"):
        next(numbers("valid", RULE))


def test_each_run_of_a_deck_holds_every_label_once_in_an_order_of_its_own() -> None:
    labels = list(itertools.islice(deck("a", 7), 70))
    runs = [tuple(labels[i : i + 7]) for i in range(0, 70, 7)]
    assert all(sorted(run) == list(range(7)) for run in runs)
    assert len(set(runs)) > 5
    assert labels != list(itertools.islice(deck("b", 7), 70))


def test_contents_are_spread_over_the_eighths() -> None:
    assert {eighth(f"text {i}") for i in range(100)} == set(range(8))
