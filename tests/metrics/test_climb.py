"""Every number here was worked out by hand from the formula in the docstring."""

from __future__ import annotations

import math

import pytest

from atlas import metrics
from atlas.metrics import Undefined

NAN = math.nan


def test_climb_transfers() -> None:
    assert metrics.forgetting_transfer(80, 65, 50) == pytest.approx(50)
    assert metrics.upstream_knowledge_transfer(83, 80, 50) == pytest.approx(10)
    assert metrics.low_shot_transfer(58, 60, 50) == pytest.approx(-20)


def test_climb_transfers_are_undefined_near_chance() -> None:
    assert str(metrics.upstream_knowledge_transfer(60, 50.5, 50)) == (
        "undefined, because the single-task score (50.5) is not at least 1 point above chance (50.0)"
    )
    assert isinstance(metrics.forgetting_transfer(40, 30, 50), Undefined)
    assert isinstance(metrics.low_shot_transfer(NAN, NAN, 50), Undefined)
