from __future__ import annotations

import numpy as np
import pytest

from atlas.metrics import Undefined
from atlas.statistics import Interval, over_orders, quantile_interval, share_of
from atlas.statistics.quantile import fewest


def test_an_aim_names_the_mean_the_worst_or_a_quantile() -> None:
    assert [share_of(aim) for aim in ("mean", "worst", "q10", "q50")] == [None, None, 0.1, 0.5]
    values = [10.0, 20.0, 30.0, 60.0, 80.0]
    assert [over_orders(values, aim) for aim in ("mean", "worst", "q25", "q50")] == [40.0, 10.0, 20.0, 30.0]
    assert over_orders([7.0], "q10") == 7.0


@pytest.mark.parametrize(("share", "count"), [(0.5, 6), (0.25, 13), (0.1, 36)])
def test_an_interval_takes_so_many_orders_that_both_ends_are_among_them(share: float, count: int) -> None:
    assert fewest(share) == count
    assert quantile_interval(range(count - 1), share) == Undefined(f"it takes {count} orders; there are {count - 1}")
    assert isinstance(quantile_interval(range(count), share), Interval)


def test_of_the_median_of_ten_it_lies_between_the_second_and_the_ninth() -> None:
    """The textbook case: a coverage of 97.9 %."""
    found = quantile_interval([float(value) for value in range(1, 11)][::-1], 0.5)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == (2.0, 9.0)


def test_it_covers_the_true_quantile_as_often_as_it_says() -> None:
    noise, true, hits = np.random.default_rng(0), -np.log(0.75), 0
    for _ in range(400):
        found = quantile_interval(noise.exponential(size=20).tolist(), 0.25)
        assert isinstance(found, Interval)
        hits += found.low <= true <= found.high
    assert hits >= 0.95 * 400
