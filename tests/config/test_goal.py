"""The goal of a sweep whose orders take subsets of the tasks compares orders of different tasks."""

from __future__ import annotations

import pytest

from atlas.config.goal import compares_tasks, goal_under
from atlas.config.search import SearchOptions
from atlas.config.sweep import Sweep
from atlas.runtime.errors import UserError

SUBSETS = SearchOptions(tasks=("a", "b", "c"), subset_size=2)


def goal(asked: str, search: SearchOptions = SUBSETS) -> str:
    return goal_under(Sweep(name="mine", question="", searches_orders=True, goal=asked), search)


def test_the_average_accuracy_of_subsets_is_taken_relative_to_each_task_alone() -> None:
    assert goal("latest/average_accuracy") == "latest/relative_accuracy"
    assert goal("own/average_accuracy") == "own/relative_accuracy"


def test_goals_that_compare_subsets_and_all_goals_of_whole_orders_stay() -> None:
    for kept in ("downstream/mean", "latest/backward_transfer", "latest/relative_accuracy"):
        assert goal(kept) == kept
    assert goal("latest/learning_accuracy", SearchOptions()) == "latest/learning_accuracy"


@pytest.mark.parametrize("asked", ["latest/learning_accuracy", "free/average_accuracy", "latest/mtil_last"])
def test_a_goal_of_an_orders_own_scores_is_refused_with_one_that_compares(asked: str) -> None:
    assert not compares_tasks(asked)
    with pytest.raises(UserError, match=f"--subset-size is 2, but the goal of the sweep mine is '{asked}'.*downstream"):
        goal(asked)
