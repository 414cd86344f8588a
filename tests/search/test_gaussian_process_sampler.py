"""The Gaussian-process sampler of orders, with plain Optuna."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Literal

import optuna
import pytest

from atlas.config import space
from atlas.search import gaussian_process_sampler
from atlas.search.gaussian_process_sampler import (
    GaussianProcessOrderSampler,
    Order,
    OrderModel,
    order_in,
    prefix_name,
)
from atlas.simulation.landscape import SyntheticLandscape

TASKS = ("a", "b", "c", "d", "e")


def study_of(
    tasks: Order = TASKS, *, direction: Literal["minimize", "maximize"] = "maximize", seed: int = 0
) -> optuna.Study:
    return optuna.create_study(direction=direction, sampler=GaussianProcessOrderSampler(tasks, seed=seed))


def walked(study: optuna.Study, value: Callable[[Order], float], trials: int, tasks: Order = TASKS) -> list[Order]:
    """The orders of so many trials."""
    orders = []
    for _ in range(trials):
        trial = study.ask()
        orders.append(space.suggest_order(trial, tasks))
        study.tell(trial, value(orders[-1]))
    return orders


def test_the_file_needs_nothing_of_this_package() -> None:
    tree = ast.parse(Path(gaussian_process_sampler.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    outside = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside == {"numpy", "optuna", "scipy", "sklearn"}


def test_its_parameters_are_those_of_the_sweeps_space() -> None:
    assert prefix_name(()) == space.prefix_name(())
    assert prefix_name(("a", "b")) == space.prefix_name(("a", "b"))
    assert order_in(space.params_of(TASKS), TASKS) == TASKS


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_120_orders_is_found_in_a_quarter_of_them(seed: int) -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=seed)
    true = [landscape.final(order) for order in permutations(TASKS)]
    found = max(map(landscape.final, walked(study_of(seed=seed), landscape.final, 30)))
    assert max(true) - found <= 0.01 * (max(true) - min(true))


def test_a_minimised_study_goes_down() -> None:
    def place(order: Order) -> float:
        return float(order.index("d"))

    assert all(order[0] == "d" for order in walked(study_of(direction="minimize"), place, 16)[-3:])


def test_trials_asked_together_differ() -> None:
    study = study_of()
    walked(study, lambda order: float(order.index("d") + order.index("b") / 7), 10)
    assert len({space.suggest_order(study.ask(), TASKS) for _ in range(4)}) == 4


def test_a_lucky_trial_is_not_believed_against_its_replicates() -> None:
    level = {order: [float(order.index("e"))] for order in permutations(TASKS)}
    lucky, steady = ("e", "d", "c", "b", "a"), ("a", "b", "c", "d", "e")
    level[lucky] = [6.0, 0.0, 0.0, 0.0]
    level[steady] = [4.5] * 4
    assert OrderModel(TASKS, level).recommended[-1] == "e"


def test_an_enqueued_beginning_is_kept() -> None:
    study = study_of()
    walked(study, lambda order: float(order[0] == "a"), 8)
    study.enqueue_trial({prefix_name(()): "c", prefix_name(("c",)): "e"})
    assert space.suggest_order(study.ask(), TASKS)[:2] == ("c", "e")


def test_orders_of_nine_tasks_are_searched_from_the_best() -> None:
    tasks = tuple("abcdefghi")
    orders = walked(study_of(tasks), lambda order: -float(order.index("i")), 14, tasks)
    assert min(order.index("i") for order in orders[6:]) == 0


def test_a_study_repeats_itself_with_the_same_seed() -> None:
    landscape = SyntheticLandscape(tasks=TASKS, seed=1)
    first, again = (walked(study_of(seed=2), landscape.final, 9) for _ in range(2))
    assert first == again


def test_other_parameters_are_left_to_tpe() -> None:
    trial = study_of().ask()
    assert 0 <= trial.suggest_float("rate", 0, 1) <= 1


@pytest.mark.parametrize("tasks", [("a",), ("a", "a")])
def test_tasks_that_have_no_orders_are_refused(tasks: Order) -> None:
    with pytest.raises(ValueError, match="give two or more different tasks"):
        GaussianProcessOrderSampler(tasks)
