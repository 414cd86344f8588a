from __future__ import annotations

import numpy as np
import pytest

from atlas.statistics import shrunk_means


def test_groups_with_as_many_replicates_have_their_means() -> None:
    assert shrunk_means({"a": [1.0, 3.0], "b": [5.0, 4.0]}) == {"a": 2.0, "b": 4.5}
    assert shrunk_means({"a": [1.0], "b": [5.0]}) == {"a": 1.0, "b": 5.0}
    assert shrunk_means({}) == {}


def test_means_worked_out_by_hand() -> None:
    # Means 10, 14; σ² = 8 / 1; 1/n on average 3/4; τ² = 8 − 6 = 2; shares 2 / (2 + 4) and 2 / (2 + 8); μ = 12.
    found = shrunk_means({"twice": [8.0, 12.0], "once": [14.0]})
    assert found == pytest.approx({"twice": 12 - 2 / 3, "once": 12 + 2 / 5})


def test_one_lucky_replicate_does_not_rank_before_many_that_are_nearly_as_good() -> None:
    groups = {"sure": [70.0, 72.0, 71.0, 71.5], "lucky": [71.2], "bad": [61.0], "worse": [58.0, 62.0]}
    found = shrunk_means(groups)
    assert max(found, key=lambda key: found[key]) == "sure"
    assert max(groups, key=lambda key: float(np.mean(groups[key]))) == "lucky"


def test_without_noise_nothing_is_shrunk() -> None:
    assert shrunk_means({"a": [3.0, 3.0], "b": [5.0]}) == {"a": 3.0, "b": 5.0}
    assert shrunk_means({"a": [3.0, 3.0], "b": [3.0]}) == {"a": 3.0, "b": 3.0}


def test_values_that_differ_by_noise_alone_are_alike() -> None:
    found = shrunk_means({"a": [0.0, 10.0], "b": [5.5]})
    assert found["a"] == found["b"] == pytest.approx(5.25)
