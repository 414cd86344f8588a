"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import pytest

from atlas import metrics
from atlas.metrics import Undefined
from atlas.runtime.errors import AtlasError


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
