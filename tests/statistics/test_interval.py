from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.runtime.errors import AtlasError
from atlas.statistics import Interval, Mean, mean_bootstrap, mean_t


def bounds(mean: Mean | Undefined) -> tuple[float, float]:
    assert isinstance(mean, Mean)
    assert isinstance(mean.interval, Interval)
    return mean.interval.low, mean.interval.high


def test_students_interval_of_three_values_worked_out_by_hand() -> None:
    # mean 2, standard deviation 1, t(0.975, 2) = 4.3027: 2 ± 4.3027 / √3
    assert bounds(mean_t([1, 2, 3])) == pytest.approx((2 - 2.48413, 2 + 2.48413), abs=1e-4)


def test_a_lower_level_is_narrower() -> None:
    wide, narrow = bounds(mean_t([1, 2, 3, 5])), bounds(mean_t([1, 2, 3, 5], level=0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_bootstrap_stays_within_the_values_and_leans_to_the_long_tail() -> None:
    values = [1.0] * 6 + [2.0, 3.0, 5.0, 20.0]
    low, high = bounds(mean_bootstrap(values))
    mean = sum(values) / 10
    assert 1 <= low < mean < high <= 20
    assert high - mean > mean - low


def test_the_bootstrap_is_the_same_each_time_and_its_seed_counts() -> None:
    values = [1.0, 2.0, 4.0, 7.0, 8.0]
    assert mean_bootstrap(values) == mean_bootstrap(values)
    assert mean_bootstrap(values) != mean_bootstrap(values, seed=1)


@pytest.mark.parametrize("find", [mean_t, mean_bootstrap])
def test_a_spread_that_is_not_known_has_no_interval(find) -> None:  # type: ignore[no-untyped-def]
    assert find([]) == Undefined("there is no value")
    assert "two values" in str(find([5.0]).interval)
    assert "all 3 values are the same" in str(find([5.0, 5.0, 5.0]).interval)
    assert find([5.0]).value == 5


def test_bad_levels_and_values_are_refused() -> None:
    with pytest.raises(AtlasError, match="level of an interval is 95"):
        mean_t([1, 2], level=95)
    with pytest.raises(AtlasError, match="1 of 2 values are not finite"):
        mean_t([1, float("nan")])
