"""The Gaussian-process sampler over orders of some of the tasks, with plain Optuna."""

from __future__ import annotations

from itertools import permutations

import optuna
import pytest

from atlas.config.order_space import OrderSpace
from atlas.search.gaussian_process_sampler import SCORES, GaussianProcessOrderSampler, order_in
from atlas.search.order_choices import neighbours

TASKS = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("told", [False, True])
def test_which_tasks_and_in_which_order_is_found_in_a_quarter_of_all(told: bool) -> None:
    """60 orders of three of five tasks, of which d scores most, before all others."""
    value = {order: 10.0 * ("d" in order) + 4.0 * (order[0] == "d") for order in permutations(TASKS, 3)}
    sampler = GaussianProcessOrderSampler(TASKS, seed=0, noisy=False, length=3)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    limited, found = OrderSpace(TASKS, length=3), []
    for _ in range(15):
        trial = study.ask()
        found.append(limited.suggest(trial))
        if told:
            trial.set_user_attr(SCORES, [[value[found[-1]]] * count for count in (1, 2, 3)])
        study.tell(trial, value[found[-1]])
    assert len(set(found)) == 15
    assert value[found[-1]] == max(value.values())
    assert sampler.model(study).recommended[0] == "d"  # type: ignore[union-attr]


def test_all_but_one_of_the_tasks_are_no_whole_order_of_all() -> None:
    """The task that is left has no alternative, but no place either."""
    tasks = ("a", "b", "c")
    sampler = GaussianProcessOrderSampler(tasks, seed=0, noisy=False, length=2)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    found = []
    for _ in range(6):
        trial = study.ask()
        found.append(OrderSpace(tasks, length=2).suggest(trial))
        study.tell(trial, float(found[-1].index("c")) if "c" in found[-1] else -1.0)
    assert sorted(found) == sorted(permutations(tasks, 2))
    assert order_in(study.trials[0].params, tasks, length=2) == found[0]


def test_subsets_of_many_tasks_are_searched_by_swaps_for_absent_ones() -> None:
    tasks = tuple("abcdefghij")
    assert ("a", "j", "c") in neighbours(("a", "b", "c"), 1, absent=tasks[3:])
    sampler = GaussianProcessOrderSampler(tasks, seed=0, noisy=False, length=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    limited = OrderSpace(tasks, length=5)
    for _ in range(9):
        trial = study.ask()
        order = limited.suggest(trial)
        study.tell(trial, float(len(set(order) & set("bdfhj"))))
    assert max(one.value for one in study.trials if one.value is not None) >= 4


@pytest.mark.parametrize("length", [0, 6])
def test_a_length_that_no_order_has_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"length={length} of tasks=.*; give 1 to 5, or None"):
        GaussianProcessOrderSampler(TASKS, length=length)
