from __future__ import annotations

import numpy as np
import pytest

from atlas.metrics import Undefined
from atlas.statistics import sampling_error


def test_it_is_agresti_and_coulls_interval() -> None:
    """Of 50 % of 100 records: ñ = 103.84, p̃ = 0.5, so 1.96 · √(0.25 / 103.84) = 9.62 points."""
    assert sampling_error([50.0], [100]) == pytest.approx(9.617, abs=1e-3)


def test_the_mean_of_tasks_is_surer_than_one_of_them() -> None:
    one, four = sampling_error([70.0], [200]), sampling_error([70.0] * 4, [200] * 4)
    assert four == pytest.approx(one / 2)  # type: ignore[operator]


def test_a_perfect_score_is_not_certain() -> None:
    found = sampling_error([100.0], [50])
    assert isinstance(found, float)
    assert 2 < found < 10


def test_it_covers_the_truth() -> None:
    noise = np.random.default_rng(0)
    drawn = 100 * noise.binomial(200, 0.7, size=(2000, 4)) / 200
    errors = [sampling_error(scores.tolist(), [200] * 4) for scores in drawn]
    inside = [abs(scores.mean() - 70) <= error for scores, error in zip(drawn, errors, strict=True)]
    assert 0.93 < np.mean(inside) < 0.97


@pytest.mark.parametrize(("scores", "counts"), [([], []), ([50.0], [0]), ([50.0, 60.0], [10])])
def test_without_a_number_of_records_it_is_undefined(scores: list[float], counts: list[int]) -> None:
    assert isinstance(sampling_error(scores, counts), Undefined)
