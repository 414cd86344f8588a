from __future__ import annotations

from itertools import permutations

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.config.space import named_orders, order_count, order_of, prefix_name, suggest_order
from atlas.runtime.errors import AtlasError

TASKS = ("a", "b", "c", "d")


def test_a_choice_is_named_by_what_went_before() -> None:
    assert prefix_name(()) == "after nothing"
    assert prefix_name(("a", "b")) == "after a > b"


@given(st.permutations(TASKS))
def test_parameters_and_order_are_inverse(order: list[str]) -> None:
    params = {prefix_name(order[:i]): task for i, task in enumerate(order[:-1])}
    assert suggest_order(optuna.trial.FixedTrial(params), TASKS) == tuple(order)  # type: ignore[arg-type]
    assert order_of(params, TASKS) == tuple(order)


def test_parameters_that_end_too_early_are_no_order() -> None:
    assert order_of({"after nothing": "a"}, TASKS) is None
    assert order_of({}, ("a",)) == ("a",)


def test_there_are_factorially_many() -> None:
    assert [order_count(TASKS[:n]) for n in (1, 2, 3, 4)] == [1, 2, 6, 24]


def test_a_few_named_orders_differ_much() -> None:
    assert named_orders(TASKS, 2) == (TASKS, TASKS[::-1])
    four = named_orders(TASKS, 4)
    assert len({order[0] for order in four}) >= 3
    assert named_orders(TASKS, 8)[:4] == four


@pytest.mark.parametrize("tasks", [TASKS[:n] for n in (1, 2, 3, 4)])
def test_all_orders_can_be_named_each_once(tasks: tuple[str, ...]) -> None:
    assert sorted(named_orders(tasks, order_count(tasks))) == sorted(permutations(tasks))


@pytest.mark.parametrize("count", [0, 25])
def test_more_orders_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(AtlasError, match=f"{count} orders of 4 tasks; there are 24"):
        named_orders(TASKS, count)
