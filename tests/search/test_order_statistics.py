"""Sums over the scores after prefixes, and the model that is fitted to them."""

from __future__ import annotations

import random
from itertools import permutations

import numpy as np
import pytest

from atlas.search import order_model
from atlas.search.order_features import Observation, Point
from atlas.search.order_model import OrderModel
from atlas.search.order_statistics import OrderStatistics, Spread
from atlas.simulation.landscape import SyntheticLandscape

TASKS = tuple("abcd")
ORDERS = list(permutations(TASKS))
LANDSCAPE = SyntheticLandscape(tasks=TASKS, seed=1)


def observed(order: tuple[str, ...], *, noise: int = 0, by_task: bool = True) -> list[Observation]:
    """The scores after each prefix of an order; `noise` numbers the draw of what is added, 0 none."""
    draw, found = random.Random(f"{order}{noise}"), []
    for count in range(1, len(order) + 1):
        scores = [score + (draw.gauss(0, 1) if noise else 0.0) for score in LANDSCAPE.scores(order[:count])]
        found.append(Observation(order[:count], tuple(scores) if by_task else (sum(scores) / count,)))
    return found


@pytest.mark.parametrize("by_task", [True, False])
def test_what_is_added_bit_by_bit_is_what_is_added_at_once(by_task: bool) -> None:
    some = ORDERS[::3]
    observations = [one for order in some for one in observed(order, by_task=by_task)]
    values = {Point(order): [LANDSCAPE.final(order)] for order in some}
    whole = OrderModel(OrderStatistics.of(TASKS, observations, values))
    parts = OrderStatistics(TASKS, by_task)
    for order in some:
        parts.add(observed(order, by_task=by_task))
        parts.add_values([(Point(order), LANDSCAPE.final(order))])
    one = OrderModel(parts)
    points = [Point(order) for order in ORDERS]
    for found, expected in zip(one.predict(points), whole.predict(points), strict=True):
        assert found == pytest.approx(expected, rel=1e-9)
    assert one.best == pytest.approx(whole.best)


def test_a_step_that_trials_share_counts_once() -> None:
    found = OrderStatistics(TASKS)
    found.add(observed(ORDERS[0]))
    rows = found.means.rows
    found.add(observed(ORDERS[0]))
    found.add(observed(ORDERS[1]))  # shares its first two tasks
    assert (rows, found.means.rows) == (4, 6)
    assert found.knows_prefixes


def test_a_branch_leaves_what_it_began_from_as_it_was() -> None:
    found = OrderStatistics(TASKS)
    found.add(observed(ORDERS[0]))
    found.add_values([(Point(ORDERS[0]), 60.0)])
    before = OrderModel(found, noisy=False).predict([Point(ORDERS[5])])
    branch = found.branch()
    branch.add(observed(ORDERS[5]))
    branch.add_values([(Point(ORDERS[5]), 70.0), (Point(ORDERS[0]), 62.0)])
    assert (branch.place_of(Point(ORDERS[5])), found.place_of(Point(ORDERS[5]))) == (1, None)
    assert list(branch.totals) == [122.0, 70.0]
    assert list(found.totals) == [60.0]
    assert np.array_equal(OrderModel(found, noisy=False).predict([Point(ORDERS[5])]), before)
    found.add_values([(Point(ORDERS[7]), 50.0)])
    assert branch.place_of(Point(ORDERS[7])) is None


def test_the_spread_within_groups_is_the_pooled_variance() -> None:
    draw, groups = random.Random(0), {b"a": 3, b"b": 1, b"c": 5}
    values = {group: [draw.gauss(60, 2) for _ in range(count)] for group, count in groups.items()}
    spread = Spread()
    assert spread.variance is None
    for group, some in values.items():
        for value in some:
            spread.add(group, value)
    squares = sum(float(((np.array(some) - np.mean(some)) ** 2).sum()) for some in values.values())
    assert spread.variance == pytest.approx(squares / 6)


def test_scores_far_from_zero_with_little_between_them_are_told_apart() -> None:
    """The sums are about the first score: about zero, squares of 1e6 would leave nothing of differences of 0.001."""
    found = OrderStatistics(TASKS)
    found.add(
        Observation(one.prefix, tuple(1e6 + score / 1e3 for score in one.scores))
        for order in ORDERS[::2]
        for one in observed(order)
    )
    found.add_values((Point(order), 1e6 + LANDSCAPE.final(order) / 1e3) for order in ORDERS[::2])
    mean, _ = OrderModel(found, noisy=False).predict([Point(order) for order in ORDERS])
    true = [1e6 + LANDSCAPE.final(order) / 1e3 for order in ORDERS]
    assert mean == pytest.approx(true, abs=2e-3)
    assert np.corrcoef(mean, true)[0, 1] > 0.9


def test_of_many_orders_those_of_the_best_values_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    found = OrderStatistics(TASKS)
    for order in ORDERS:
        found.add(observed(order))
        found.add_values([(Point(order), LANDSCAPE.final(order))])
    all_of_them = OrderModel(found, noisy=False)
    monkeypatch.setattr(order_model, "COMPARED", 5)
    some = OrderModel(found, noisy=False)
    assert len(some.points) == 5
    assert (some.best, some.recommended) == (all_of_them.best, all_of_them.recommended)
    assert np.array_equal(some.predict([Point(ORDERS[3])]), all_of_them.predict([Point(ORDERS[3])]))
