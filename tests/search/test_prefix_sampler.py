from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import optuna
import pytest

from atlas.config.space import Order, order_count, prefix_name, suggest_order
from atlas.search.prefix_sampler import PrefixSampler, rehearse

TASKS = ("a", "b", "c", "d")

optuna.logging.set_verbosity(optuna.logging.WARNING)


def proposed(
    tasks: Order, count: int, value: Callable[[Order], float | None], *, seed: int = 0, at_once: int = 1
) -> list[Order]:
    """The orders asked for, `at_once` of them before their values are told (None: the trial failed)."""
    study = optuna.create_study(sampler=PrefixSampler(tasks, seed=seed), direction="maximize")
    orders: list[Order] = []
    while len(orders) < count:
        asked = [(trial, suggest_order(trial, tasks)) for trial in (study.ask() for _ in range(at_once))]
        orders += [order for _, order in asked]
        for trial, order in asked:
            found = value(order)
            state = optuna.trial.TrialState.FAIL if found is None else None
            study.tell(trial, found, state=state)
    return orders


def position_of_d(order: Order) -> float:
    return float(order.index("d"))


@pytest.mark.parametrize("tasks", [TASKS[:n] for n in (1, 2, 3, 4)])
@pytest.mark.parametrize("at_once", [1, 8])
def test_all_orders_are_proposed_exactly_once_before_any_comes_again(tasks: Order, at_once: int) -> None:
    orders = proposed(tasks, order_count(tasks), lambda order: float(order.index("a")), at_once=at_once)
    assert sorted(orders[: order_count(tasks)]) == sorted(permutations(tasks))


def test_after_all_orders_it_goes_on() -> None:
    assert len(proposed(("a", "b"), 5, lambda order: 0.0)) == 5


def test_the_order_of_a_trial_that_failed_is_not_asked_again() -> None:
    assert len(set(proposed(TASKS, 24, lambda order: None))) == 24


def test_a_seed_decides_the_proposals() -> None:
    first, again, other = (proposed(TASKS, 8, position_of_d, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_prefix_with_better_values_is_proposed_more_often() -> None:
    """Six of the 24 orders begin with d. Told that they are best, it asks for them soon after its random start."""
    early = []
    for seed in range(6):
        liked = proposed(TASKS, 14, lambda order: float(order[0] == "d"), seed=seed)
        early.append(sum(order[0] == "d" for order in liked))
    assert sum(early) / len(early) > 14 * 6 / 24 + 1


def test_written_orders_come_first() -> None:
    orders: list[Order] = []
    points = [
        {prefix_name(order[:i]): task for i, task in enumerate(order[:-1])}
        for order in (("d", "c", "b", "a"), ("b", "a", "c", "d"))
    ]
    rehearse(PrefixSampler(TASKS, seed=0), lambda trial: orders.append(suggest_order(trial, TASKS)), 6, points)
    assert orders[:2] == [("d", "c", "b", "a"), ("b", "a", "c", "d")]
    assert len(set(orders)) == 6


def test_other_parameters_are_left_to_tpe() -> None:
    study = optuna.create_study(sampler=PrefixSampler(TASKS, seed=0))
    trial = study.ask()
    assert 0 <= trial.suggest_float("rate", 0, 1) <= 1
    assert trial.suggest_categorical("after all", ["x"]) == "x"
