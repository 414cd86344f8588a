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


def test_future_accuracy_is_the_mean_above_the_diagonal_as_diaz_rodriguez_has_it() -> None:
    assert metrics.future_accuracy(FULL) == pytest.approx((55 + 30 + 36) / 3)


def test_without_scores_of_tasks_to_come_nothing_forward_is_defined() -> None:
    assert "head does not exist" in str(metrics.future_accuracy(R))
    assert metrics.future_accuracy([[80]]) == Undefined("it takes two tasks")
