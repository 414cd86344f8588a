"""Holds for every metric of the registry; a new entry gets it for free."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlas.metrics import METRICS, Metric, OrderScores, Undefined, find_metric
from atlas.runtime.errors import AtlasError

SCORES = arrays(float, (3, 3), elements=st.floats(1, 100))
REFERENCES = {"single_task": [90.0] * 3, "joint": [95.0] * 3, "untrained": [20.0] * 3, "chance": [10.0] * 3}


@pytest.fixture(params=METRICS.values(), ids=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    return request.param  # type: ignore[no-any-return]


def test_it_says_what_it_computes_and_where_it_is_shown(metric: Metric) -> None:
    assert "=" in metric.definition or "Σ" in metric.definition or "100 ·" in metric.definition
    assert metric.definition.endswith(".")
    assert metric.title
    assert metric.routes
    assert "table" in metric.shown
    assert METRICS[metric.name] is metric


@given(R=SCORES)
def test_it_is_a_number_or_says_why_not(R: np.ndarray) -> None:
    for metric in METRICS.values():
        value = metric.compute(OrderScores(R=R, **REFERENCES))
        assert isinstance(value, Undefined) or math.isfinite(value)


def test_without_a_task_it_is_undefined_and_says_why(metric: Metric) -> None:
    value = metric.compute(OrderScores(R=np.full((2, 2), math.nan), **{name: v[:2] for name, v in REFERENCES.items()}))
    assert isinstance(value, Undefined)
    assert value.reason


def test_better_is_better(metric: Metric) -> None:
    """A model that keeps what it learns against one that loses some of it."""
    kept, lost = (np.array([[80.0, 30, 30], [a, 80, 30], [b, c, 80]]) for a, b, c in ((80, 80, 80), (60, 50, 40)))
    values = [metric.compute(OrderScores(R=R, **REFERENCES)) for R in (kept, lost)]
    assert not any(isinstance(value, Undefined) for value in values)
    good, bad = (float(value) for value in values if not isinstance(value, Undefined))
    assert good >= bad if metric.better == "higher" else good <= bad


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(AtlasError, match="forgetting"):
        find_metric("forgeting")
