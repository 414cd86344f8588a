from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from atlas.config.search import SearchOptions
from atlas.runtime.errors import AtlasError


def test_twins_stand_for_tasks_downstream_tasks_and_orders() -> None:
    given = SearchOptions(tasks=("piqa", "piqa-twin")[:1], downstream=("piqa-twin",), orders=("2",), twins=True)
    with pytest.raises(AtlasError, match="name one twice"):
        given.with_twins()
    assert replace(given, downstream=()).with_twins().tasks == ("piqa-twin",)
    assert SearchOptions(orders=("a,b",)).with_twins().orders == ("a,b",)
    with pytest.raises(AtlasError, match="unknown twin 'digits-twin'"):
        SearchOptions(tasks=("digits",), twins=True).with_twins()


def test_no_seed_at_all_is_refused() -> None:
    with pytest.raises(AtlasError, match=r"--seeds are \[\]"):
        SearchOptions(seeds=())


def test_written_orders_are_read() -> None:
    search = SearchOptions(tasks=("digits", "easy-ve"), orders=("easy-ve,digits", "digits, easy-ve"))
    assert search.written_orders() == (("easy-ve", "digits"), ("digits", "easy-ve"))
    assert SearchOptions(orders=("3",)).written_orders() == ()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("easy-vqa,digts,easy-ve,piqa-twin", "unknown task in an order 'digts'. Did you mean 'digits'"),
        ("digits,digits,easy-ve,piqa-twin", "names a task twice"),
        ("digits,easy-ve", "leaves out easy-vqa, piqa-twin; name every task"),
    ],
)
def test_an_order_that_is_none_is_refused(order: str, message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(orders=(order,)).written_orders()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": (-1,)}, "--seeds has -1; give whole numbers from 0 to 4294967295"),
        ({"seeds": (0, 2**32)}, "--seeds has 4294967296"),
        ({"seeds": (0, float("nan"))}, "--seeds has nan"),
        ({"seeds": (True,)}, "--seeds has True"),
        ({"seeds": (1.5,)}, "--seeds has 1.5"),
        ({"seeds": (3, 3)}, "each once"),
        ({"trials": 0}, "--trials is 0"),
        ({"shots": ("64", "64")}, "--shots are 64 64; give each once"),
    ],
)
def test_numbers_out_of_range_and_repeated_ones_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        SearchOptions(**given)
    assert message in str(refused.value)


def test_an_order_that_is_written_twice_is_refused() -> None:
    orders = ("digits,easy-ve", "easy-ve,digits", "digits, easy-ve")
    with pytest.raises(AtlasError, match="--orders has digits,easy-ve twice; give each order once"):
        SearchOptions(tasks=("digits", "easy-ve"), orders=orders).written_orders()
