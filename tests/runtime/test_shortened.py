from __future__ import annotations

import itertools

import pytest

from atlas.runtime.shortened import shortened, shortened_apart


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("digits", 6) == "digits"
    assert shortened("easy-vqa > digits > piqa-twin", 15) == "easy-vq…qa-twin"
    assert [shortened("digits", width) for width in (0, 1, 2, 3)] == ["", "…", "d…", "d…s"]


@pytest.mark.parametrize("width", [12, 20, 30, 44])
def test_names_that_differ_in_the_middle_stay_different(width: int) -> None:
    tasks = ("easy-vqa", "digits", "easy-ve", "piqa-twin", "sst2-twin")
    orders = [" > ".join(order) for order in itertools.permutations(tasks)]
    found = shortened_apart(orders, width)
    assert len(set(found)) == len(orders)
    assert max(map(len, found)) <= width


def test_the_same_name_twice_is_cut_alike() -> None:
    first, second = shortened_apart(["a" * 40] * 2, 20)
    assert first == second == shortened("a" * 40, 20)
