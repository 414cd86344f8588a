from __future__ import annotations

import pytest

from atlas import metrics
from atlas.metrics import Undefined


def test_speed_is_the_update_that_has_gone_ninety_percent_of_the_way() -> None:
    # From 10 to 60: 90 % of the way is 55, half-way between 50 (update 20) and 60 (update 40).
    assert metrics.learning_speed([(0, 10), (20, 50), (40, 60), (60, 58)]) == pytest.approx(30)
    assert metrics.learning_speed([(0, 10), (20, 50), (40, 60)], share=0.4) == pytest.approx(10)


def test_a_loss_falls() -> None:
    assert metrics.learning_speed([(1, 2.0), (11, 1.0)], rising=False) == pytest.approx(10)


def test_a_curve_that_never_gets_better_has_no_speed() -> None:
    assert "never gets better" in str(metrics.learning_speed([(0, 50), (10, 40)]))
    assert isinstance(metrics.learning_speed([(0, 50)]), Undefined)
