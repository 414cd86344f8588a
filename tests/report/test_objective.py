"""The objective of a sweep whose orders take different tasks, in tables and in words."""

from __future__ import annotations

from typing import Any

import pytest

from atlas.metrics import Undefined
from atlas.report.comparisons import components, order_scores, ranked_orders
from atlas.report.headline import headline
from atlas.report.objective import goal_error, goal_in_words, subsets_in_words
from atlas.report.order_rows import order_rows
from atlas.report.page import render_page
from atlas.report.tables import leaderboard
from atlas.report.use_command import use_command
from tests.report.conftest import Document, recorded_metrics, typed, with_results


def of_subsets(document: Document) -> Document:
    """The document with the orders of two of the four tasks, ranked by the relative accuracy."""
    kept: dict[tuple[str, ...], dict[str, Any]] = {}
    for trial in document["trials"]:
        order = tuple(trial["order"][:2])
        R = {
            split: {route: [row[:2] for row in rows[:2]] for route, rows in routes.items()}
            for split, routes in trial["R"].items()
        }
        kept.setdefault(order, {**trial, "order": list(order), "R": R, "metrics": {}})
    changed = {
        **document,
        "trials": list(kept.values()),
        "settings": {**document["settings"], "subset_size": 2},
        "sweep": {**document["sweep"], "goal": "latest/relative_accuracy"},
        "orders": [],
        "best": None,
    }
    for trial in changed["trials"]:
        trial["metrics"] = recorded_metrics(changed, trial["id"])
    return with_results(changed)


def test_subsets_rank_by_what_is_kept_of_each_task_alone(summary: Document) -> None:
    found = typed(of_subsets(summary))
    rows = leaderboard(found)
    assert len(rows) == 12
    objectives = [row.objective for row in rows if row.objective is not None]
    assert objectives == sorted(objectives, reverse=True)
    assert [row.val for row in rows] != sorted((row.val or 0.0 for row in rows), reverse=True)
    assert [row.order for row in order_scores(found)] == [row.order for row in order_rows(found)]
    assert [order for order, _ in ranked_orders(found, "", "test", "latest")] == [row.order for row in rows]
    assert goal_in_words(found) == "relative accuracy after the last task, route latest"
    assert headline(found).startswith(f"Best: {' > '.join(rows[0].order)} (val relative accuracy {objectives[0]:.1f} ±")


def test_the_error_of_a_relative_accuracy_is_that_of_its_scores_over_those_alone(summary: Document) -> None:
    found = typed(of_subsets(summary))
    trial = found.trials[0]
    error = goal_error(found, trial, "val")
    assert isinstance(error, float)
    alone = {**summary["references"]["lone"]["1"], trial.order[0]: {"val": 0.0, "test": 0.0}}
    summary["references"]["lone"]["1"] = alone
    assert isinstance(goal_error(typed(of_subsets(summary)), trial, "val"), Undefined)


def test_the_numbers_are_explained_and_a_task_near_chance_is_named(summary: Document) -> None:
    assert subsets_in_words(typed(summary)) == ""
    said = subsets_in_words(typed(of_subsets(summary)))
    assert said.startswith("Orders take 2 of 4 tasks: average accuracies of different tasks do not compare orders.")
    assert "in percent of that of the task trained alone" in said
    assert "guessing" not in said
    summary["references"]["lone"]["1"]["digits"] = {"val": 10.5, "test": 10.5}
    weak = subsets_in_words(typed(of_subsets(summary)))
    assert weak.endswith("Alone, digits is not clearly better than guessing: train longer.")


def test_the_best_subset_is_used_with_its_own_tasks(summary: Document) -> None:
    document = of_subsets(summary)
    best = typed(document).best_trial
    assert best is not None
    named = " ".join(task for task in document["tasks"] if task in best.order)
    order = ",".join(best.order)
    assert use_command(typed(document)).endswith(f"task_order.py --tasks {named} --orders {order}")
    document["sweep"]["command"] = "python sweeps/task_order.py --tasks my.py:A my.py:B my.py:C --subset-size 2"
    used = use_command(typed(document))
    assert used.endswith(f"--subset-size 2 --orders {order} --tasks my.py:A my.py:B my.py:C")


def test_the_page_says_what_its_numbers_are_of(summary: Document) -> None:
    page = render_page(typed(of_subsets(summary)))
    assert "Orders take 2 of 4 tasks" in page
    assert "average accuracy on test of the trial chosen" not in page
    assert "no order has both" not in page
    assert "of one set of tasks, that which most orders take" in page


def test_variance_is_that_of_the_relative_accuracy(summary: Document) -> None:
    """Of average accuracies it would be that of how easy the tasks are."""
    found = components(typed(of_subsets(summary)))
    assert all(isinstance(one, Undefined) for one in found.values())  # one seed


@pytest.mark.parametrize("goal", ["downstream/mean"])
def test_downstream_tasks_measure_all_subsets_by_the_same(summary: Document, goal: str) -> None:
    from tests.report.beyond import with_downstream

    summary["sweep"]["goal"] = goal
    summary["settings"]["subset_size"] = 2
    said = subsets_in_words(typed({**with_downstream(summary), "best": None}))
    assert said.endswith(
        "objective does: the mean score of the downstream tasks, which are the same after every subset."
    )
