from __future__ import annotations

from atlas.metrics import Undefined
from atlas.report.formats import bounds, interval, number, rounded
from atlas.statistics import Interval, Mean


def test_numbers_have_one_decimal_a_true_minus_and_a_dash_for_none() -> None:
    assert [number(value) for value in (71.25, -3.0, None, float("nan"))] == ["71.2", "−3.0", "–", "–"]
    assert number(3.0, " %") == "3.0 %"
    assert number(3.0, sign=True) == "+3.0"
    assert [number(value, sign=True) for value in (0.0, 0.04, -0.04)] == ["0.0"] * 3


def test_p_values_have_two_digits_and_a_true_minus() -> None:
    assert [rounded(value) for value in (0.03125, -0.5, 1.0)] == ["0.031", "−0.5", "1"]


def test_an_interval_is_half_its_width_and_absent_where_it_is_undefined() -> None:
    sure = Interval(low=69.5, high=72.9, level=0.95, method="t")
    assert interval(Mean(value=71.2, count=3, interval=sure)) == "71.2 ± 1.7"
    assert interval(Mean(value=71.2, count=1, interval=Undefined("one"))) == "71.2"
    assert interval(Undefined("none")) == "–"
    assert bounds(sure) == "+69.5 to +72.9"
