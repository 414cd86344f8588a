from __future__ import annotations

import math

import numpy as np
import pytest

from atlas import metrics
from atlas.metrics import Undefined
from atlas.runtime.errors import AtlasError

NAN = math.nan
# After task 1: 80. After task 2: 70, 90. After task 3: 74, 85, 60.
R = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]
MIDWAY = [[80, NAN, NAN], [70, 90, NAN], [NAN, NAN, NAN]]


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
