"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import math

import pytest

from atlas import metrics
from atlas.metrics import Undefined

NAN = math.nan
# After task 1: 80. After task 2: 70, 90. After task 3: 74, 85, 60.
R = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]
# Scored on all tasks from the start.
FULL = [[80, 55, 30], [70, 90, 36], [74, 85, 60]]


def test_forward_transfer_is_measured_against_the_untrained_model() -> None:
    assert metrics.forward_transfer(FULL, [50, 50, 33]) == pytest.approx(((55 - 50) + (36 - 33)) / 2)


def test_forward_transfer_is_undefined_without_scores_before_learning() -> None:
    unscored, untrained = metrics.forward_transfer(R, [50, 50, 33]), metrics.forward_transfer(R, None)
    assert isinstance(unscored, Undefined)
    assert "head does not exist" in str(unscored)
    assert isinstance(untrained, Undefined)


def test_at_the_end_of_an_order_avalanche_and_gem_agree() -> None:
    assert metrics.stream_forward_transfer(FULL, [50, 50, 33]) == pytest.approx(((55 - 50) + (36 - 33)) / 2)


def test_midway_avalanche_counts_the_task_that_comes_next() -> None:
    midway = [[80, 55, 30], [70, 90, 36], [NAN, NAN, NAN]]
    assert metrics.forward_transfer(midway, [50, 50, 33]) == pytest.approx(55 - 50)
    assert metrics.stream_forward_transfer(midway, [50, 50, 33]) == pytest.approx(((55 - 50) + (36 - 33)) / 2)


def test_future_accuracy_is_the_mean_above_the_diagonal_as_diaz_rodriguez_has_it() -> None:
    assert metrics.future_accuracy(FULL) == pytest.approx((55 + 30 + 36) / 3)


def test_without_scores_of_tasks_to_come_nothing_forward_is_defined() -> None:
    for figure in (metrics.future_accuracy(R), metrics.stream_forward_transfer(R, [50, 50, 33])):
        assert "head does not exist" in str(figure)
    assert "was not scored" in str(metrics.stream_forward_transfer(FULL, None))
    assert metrics.stream_forward_transfer([[80]], [50]) == Undefined("it takes two tasks")
    assert metrics.future_accuracy([[80]]) == Undefined("it takes two tasks")
