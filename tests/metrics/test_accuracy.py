"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import math

import pytest

from atlas import metrics
from atlas.metrics import Undefined

NAN = math.nan
# After task 1: 80. After task 2: 70, 90. After task 3: 74, 85, 60.
R = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]


def test_average_accuracy_is_the_mean_of_the_last_row() -> None:
    assert metrics.average_accuracy(R) == pytest.approx((74 + 85 + 60) / 3)


def test_average_anytime_accuracy_averages_the_rows_of_tasks_seen() -> None:
    assert metrics.average_anytime_accuracy(R) == pytest.approx((80 + 80 + 73) / 3)


def test_relative_accuracy_is_a_hundred_where_nothing_is_lost() -> None:
    lone = {"a": 80.0, "b": 50.0, "c": 10.0}
    assert metrics.relative_accuracy({"a": 80.0, "b": 50.0}, lone) == pytest.approx(100)
    assert metrics.relative_accuracy({"a": 60.0, "b": 55.0}, lone) == pytest.approx((75 + 110) / 2)


@pytest.mark.parametrize(
    ("scores", "lone", "why"),
    [({}, {}, "no task"), ({"a": 1.0}, {}, "no single-task score of a"), ({"a": 1.0}, {"a": 0.0}, "is 0")],
)
def test_relative_accuracy_says_why_it_has_no_value(scores: dict[str, float], lone: dict[str, float], why: str) -> None:
    assert why in str(metrics.relative_accuracy(scores, lone))


def test_the_triangle_weighs_every_cell_alike_as_continuum_does() -> None:
    assert metrics.triangle_accuracy(R) == pytest.approx((80 + 70 + 90 + 74 + 85 + 60) / 6)


def test_learning_accuracy_is_the_mean_of_the_diagonal() -> None:
    assert metrics.learning_accuracy(R) == pytest.approx((80 + 90 + 60) / 3)


def test_intransigence_is_what_the_joint_model_has_over_the_diagonal() -> None:
    assert metrics.intransigence(R, [82, 91, 69]) == pytest.approx((2 + 1 + 9) / 3)
    assert metrics.intransigence(R, [70, 80, 50]) == pytest.approx(-10)


def test_intransigence_is_undefined_without_a_joint_model() -> None:
    for joint in (None, [82, 91], [82, NAN, 69]):
        assert "no joint model" in str(metrics.intransigence(R, joint))


def test_intransigence_to_lone_takes_each_task_alone_for_the_joint_model() -> None:
    assert metrics.intransigence_to_lone(R, [82, 91, 69]) == metrics.intransigence(R, [82, 91, 69])
    for lone in (None, [82, 91], [82, None, 69]):
        assert "not every task was trained alone" in str(metrics.intransigence_to_lone(R, lone))
    assert metrics.intransigence_to_lone([[NAN]], [50]) == Undefined("no task was trained yet")


def test_without_a_task_no_average_is_defined() -> None:
    for figure in (metrics.triangle_accuracy, metrics.learning_accuracy, metrics.average_accuracy):
        assert figure([[NAN]]) == Undefined("no task was trained yet")
    assert isinstance(metrics.intransigence([[NAN]], [50]), Undefined)
