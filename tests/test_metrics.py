"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlas import metrics
from atlas.errors import AtlasError
from atlas.metrics import Undefined

NAN = math.nan
# After task 1: 80. After task 2: 70, 90. After task 3: 74, 85, 60.
R = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]
MIDWAY = [[80, NAN, NAN], [70, 90, NAN], [NAN, NAN, NAN]]


def test_average_accuracy_is_the_mean_of_the_last_row() -> None:
    assert metrics.average_accuracy(R) == pytest.approx((74 + 85 + 60) / 3)


def test_average_anytime_accuracy_averages_the_rows_of_tasks_seen() -> None:
    assert metrics.average_anytime_accuracy(R) == pytest.approx((80 + 80 + 73) / 3)


def test_backward_transfer_compares_the_last_row_with_the_diagonal() -> None:
    assert metrics.backward_transfer(R) == pytest.approx(((74 - 80) + (85 - 90)) / 2)


def test_forgetting_takes_the_best_earlier_row() -> None:
    later_best = [[80, NAN, NAN], [82, 90, NAN], [74, 85, 60]]
    assert metrics.forgetting(later_best) == pytest.approx(((82 - 74) + (90 - 85)) / 2)


def test_forgetting_leaves_the_last_row_out_of_the_maximum() -> None:
    improved = [[80, NAN], [86, 90]]
    assert metrics.forgetting(improved) == pytest.approx(-6)


def test_a_trial_under_way_counts_the_tasks_that_it_has_seen() -> None:
    assert metrics.tasks_seen(R) == 3
    assert metrics.tasks_seen(MIDWAY) == 2
    assert metrics.average_accuracy(MIDWAY) == pytest.approx(80)
    assert metrics.forgetting(MIDWAY) == pytest.approx(10)


def test_what_takes_two_tasks_is_undefined_with_one() -> None:
    one = [[80]]
    for figure in (metrics.backward_transfer(one), metrics.forgetting(one), metrics.forward_transfer(one, [50])):
        assert figure == Undefined("it takes two tasks")
    assert isinstance(metrics.average_accuracy([[NAN]]), Undefined)
    assert isinstance(metrics.average_anytime_accuracy([[NAN]]), Undefined)


def test_a_matrix_that_is_not_square_is_refused() -> None:
    with pytest.raises(AtlasError, match=r"\[2, 3\]"):
        metrics.average_accuracy(np.zeros((2, 3)))


def test_forward_transfer_is_measured_against_the_untrained_model() -> None:
    full = [[80, 55, 30], [70, 90, 36], [74, 85, 60]]
    assert metrics.forward_transfer(full, [50, 50, 33]) == pytest.approx(((55 - 50) + (36 - 33)) / 2)


def test_forward_transfer_is_undefined_without_scores_before_learning() -> None:
    unscored, untrained = metrics.forward_transfer(R, [50, 50, 33]), metrics.forward_transfer(R, None)
    assert isinstance(unscored, Undefined)
    assert "head does not exist" in str(unscored)
    assert isinstance(untrained, Undefined)


def test_relative_accuracy_is_a_hundred_where_nothing_is_lost() -> None:
    lone = {"a": 80.0, "b": 50.0, "c": 10.0}
    assert metrics.relative_accuracy({"a": 80.0, "b": 50.0}, lone) == pytest.approx(100)
    assert metrics.relative_accuracy({"a": 60.0, "b": 55.0}, lone) == pytest.approx((75 + 110) / 2)


@pytest.mark.parametrize(
    ("scores", "lone", "why"),
    [({}, {}, "no task"), ({"a": 1.0}, {}, "no lone score of a"), ({"a": 1.0}, {"a": 0.0}, "is 0")],
)
def test_relative_accuracy_says_why_it_has_no_value(scores: dict[str, float], lone: dict[str, float], why: str) -> None:
    assert why in str(metrics.relative_accuracy(scores, lone))


def test_climb_transfers() -> None:
    assert metrics.forgetting_transfer(80, 65, 50) == pytest.approx(50)
    assert metrics.upstream_knowledge_transfer(83, 80, 50) == pytest.approx(10)
    assert metrics.low_shot_transfer(58, 60, 50) == pytest.approx(-20)


def test_climb_transfers_are_undefined_near_chance() -> None:
    assert str(metrics.upstream_knowledge_transfer(60, 50.5, 50)) == (
        "undefined, because the lone score (50.5) is not at least 1 point above chance (50.0)"
    )
    assert isinstance(metrics.forgetting_transfer(40, 30, 50), Undefined)
    assert isinstance(metrics.low_shot_transfer(NAN, NAN, 50), Undefined)


def test_disparity_between_orders() -> None:
    final = {"a": [70.0, 80.0, 75.0], "b": [60.0, 60.5, 62.0]}
    assert metrics.opd(final) == {"a": 10.0, "b": 2.0}
    assert metrics.aopd(final) == pytest.approx(6)
    assert metrics.mopd(final) == pytest.approx(10)


def test_disparity_takes_two_orders() -> None:
    assert metrics.aopd({"a": [70.0]}) == Undefined("it takes two orders")
    assert metrics.mopd({}) == Undefined("it takes two orders")
    with pytest.raises(AtlasError, match="no score of a"):
        metrics.opd({"a": []})


@given(arrays(float, (4, 4), elements=st.floats(0, 100)))
def test_forgetting_is_at_least_minus_backward_transfer(matrix: np.ndarray) -> None:
    """The best earlier score is no worse than the score when learnt."""
    assert metrics.forgetting(matrix) >= -metrics.backward_transfer(matrix) - 1e-9
