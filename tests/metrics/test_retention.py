"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlas import metrics
from atlas.metrics import Undefined

NAN = math.nan
# After task 1: 80. After task 2: 70, 90. After task 3: 74, 85, 60.
R = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]


def test_backward_transfer_compares_the_last_row_with_the_diagonal() -> None:
    assert metrics.backward_transfer(R) == pytest.approx(((74 - 80) + (85 - 90)) / 2)


def test_forgetting_takes_the_best_earlier_row() -> None:
    later_best = [[80, NAN, NAN], [82, 90, NAN], [74, 85, 60]]
    assert metrics.forgetting(later_best) == pytest.approx(((82 - 74) + (90 - 85)) / 2)


def test_forgetting_leaves_the_last_row_out_of_the_maximum() -> None:
    improved = [[80, NAN], [86, 90]]
    assert metrics.forgetting(improved) == pytest.approx(-6)


def test_forgetting_is_the_same_whether_or_not_tasks_to_come_were_scored() -> None:
    scored_ahead = [[80, 95, 1], [70, 90, 2], [74, 85, 60]]
    assert metrics.forgetting(scored_ahead) == metrics.forgetting(R)
    assert metrics.forgetting_from_best(scored_ahead) > metrics.forgetting_from_best(R)  # mammoth takes every row


@given(arrays(float, (4, 4), elements=st.floats(0, 100)))
def test_forgetting_is_at_least_minus_backward_transfer(matrix: np.ndarray) -> None:
    """The best earlier score is no worse than the score when learnt."""
    assert metrics.forgetting(matrix) >= -metrics.backward_transfer(matrix) - 1e-9


# Later rows improve on task 1: 80, 82, 86. Task 2: 90, 85.
IMPROVED = [[80, NAN, NAN], [82, 90, NAN], [86, 85, 60]]


def test_the_two_definitions_of_forgetting_differ_where_a_task_improved() -> None:
    assert metrics.forgetting(IMPROVED) == pytest.approx(((82 - 86) + (90 - 85)) / 2)
    assert metrics.forgetting_from_best(IMPROVED) == pytest.approx(((86 - 86) + (90 - 85)) / 2)  # mammoth


def test_backward_transfer_over_time_averages_all_later_rows() -> None:
    """Díaz-Rodríguez: (70-80) + (74-80) + (85-90), over T(T-1)/2 = 3 cells."""
    assert metrics.backward_transfer_over_time(R) == pytest.approx((-10 - 6 - 5) / 3)
    assert metrics.remembering(R) == pytest.approx(100 - 7)


def test_a_gain_is_positive_transfer_and_forgets_nothing() -> None:
    gained = [[80, NAN], [86, 90]]
    assert metrics.remembering(gained) == 100


def test_one_task_has_nothing_to_forget() -> None:
    for figure in (
        metrics.forgetting_from_best,
        metrics.backward_transfer_over_time,
        metrics.remembering,
    ):
        assert figure([[80]]) == Undefined("it takes two tasks")


@given(arrays(float, (4, 4), elements=st.floats(0, 100)))
def test_forgetting_from_the_best_of_all_rows_is_no_less_and_never_negative(matrix: np.ndarray) -> None:
    largest = metrics.forgetting_from_best(matrix)
    assert largest >= 0
    assert largest >= metrics.forgetting(matrix) - 1e-9
