from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from atlas.config.order_space import OrderSpace
from atlas.report.summary import Summary
from atlas.report.tables import leaderboard
from atlas.search.promising_orders import promising_orders
from tests.report.conftest import TASKS, Document, invented_summary, of_trials, typed
from tests.report.test_objective import of_subsets

SPACE = OrderSpace(tuple(TASKS))


@pytest.fixture(scope="module")
def summary() -> Document:
    return invented_summary()


def tried(summary: Document, count: int) -> Summary:
    """The sweep of all orders as if so many of them, drawn at random, had been tried."""
    places = np.random.default_rng(3).permutation(len(summary["trials"]))[:count]
    return typed(of_trials(summary, [summary["trials"][place] for place in sorted(places)]))


def test_the_untried_orders_that_may_be_best_are_named(summary: Document) -> None:
    some = tried(summary, 10)
    found = promising_orders(some, SPACE, 2)
    assert found is not None
    assert len(found.orders) == 2
    assert not set(found.orders) & {trial.order for trial in some.trials}
    assert found.mean + 2 * found.deviation > found.best
    truth = {row.order: row.val for row in leaderboard(typed(summary))}
    values = sorted((value for value in truth.values() if value is not None), reverse=True)
    assert (truth[found.orders[0]] or 0.0) > np.mean(values), "the model has learnt which orders are good"


@pytest.mark.parametrize("count", [2, 24])
def test_of_too_few_or_of_all_orders_none_is(summary: Document, count: int) -> None:
    assert promising_orders(tried(summary, count), SPACE, 2) is None


def test_untried_subsets_are_named_by_the_relative_accuracy(summary: Document) -> None:
    subsets = of_subsets(summary)
    kept = of_trials(subsets, subsets["trials"][::2])
    space = OrderSpace(tuple(TASKS), length=2)
    found = promising_orders(typed(kept), space, 12)
    assert found is not None
    assert set(found.orders) <= set(permutations(TASKS, 2)) - {trial.order for trial in typed(kept).trials}
    objectives = [row.objective for row in leaderboard(typed(kept)) if row.objective is not None]
    assert found.best == pytest.approx(max(objectives), abs=0.5)


def test_they_keep_to_the_constraints_of_the_space(summary: Document) -> None:
    last = next(iter(TASKS))
    space = OrderSpace(tuple(TASKS), last=(last,))
    found = promising_orders(tried(summary, 10), space, 24)
    assert found is None or {order[-1] for order in found.orders} == {last}
    everything = promising_orders(tried(summary, 10), SPACE, 24)
    assert everything is not None
    assert set(everything.orders) <= set(permutations(TASKS))
