"""Seven published methods under two orders: our figures are those of their authors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas import metrics
from atlas.metrics import Undefined, order_metrics

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "mtil_matrices.json").read_text())
ORDERS: dict[str, list[str]] = PUBLISHED["orders"]
METHODS: dict[str, dict[str, Any]] = PUBLISHED["methods"]
EXACT = 1e-6
NAN = math.nan
# Scored on all tasks from the start. Worked out by hand below.
FULL = [[80, 55, 30], [70, 90, 36], [74, 85, 60]]
HEADS = [[80, NAN, NAN], [70, 90, NAN], [74, 85, 60]]


@pytest.mark.parametrize("order", ["I", "II"])
@pytest.mark.parametrize("method", METHODS)
def test_transfer_average_and_last_are_the_published_ones(method: str, order: str) -> None:
    R, expected = METHODS[method][order], METHODS[method]["expected"][order]
    assert metrics.mtil_transfer(R) == pytest.approx(expected["transfer"], abs=EXACT)
    assert metrics.mtil_average(R) == pytest.approx(expected["average"], abs=EXACT)
    assert metrics.mtil_last(R) == pytest.approx(expected["last"], abs=EXACT)


@pytest.mark.parametrize("method", METHODS)
def test_disparities_between_the_two_orders_are_the_published_ones(method: str) -> None:
    rows = [dict(zip(order, METHODS[method][name][-1], strict=True)) for name, order in ORDERS.items()]
    final = {task: [row[task] for row in rows] for task in PUBLISHED["tasks"]}
    expected, opd = METHODS[method]["expected"], metrics.opd(final)
    assert metrics.aopd(final) == pytest.approx(expected["aopd"], abs=EXACT)
    assert metrics.mopd(final) == pytest.approx(expected["mopd"], abs=EXACT)
    assert max(opd, key=opd.__getitem__) == expected["mopd_task"]


def test_a_published_score_is_a_number_of_right_answers() -> None:
    """No cell is rounded beyond what an exact agreement needs."""
    for order, tasks in ORDERS.items():
        images = np.array([PUBLISHED["test_images"][task] for task in tasks])
        for method in METHODS.values():
            right = np.array(method[order]) / 100 * images
            assert np.abs(right - right.round()).max() < EXACT


def test_the_figures_worked_out_by_hand() -> None:
    assert metrics.mtil_transfer(FULL) == pytest.approx((55 + (30 + 36) / 2) / 2)
    assert metrics.mtil_average(FULL) == pytest.approx(np.mean(FULL))
    assert metrics.mtil_last(FULL) == pytest.approx((74 + 85 + 60) / 3)
    assert metrics.transfer_over_zero_shot(FULL, [10, 50, 40]) == pytest.approx((55 - 50 + 33 - 40) / 2)


def test_a_backbone_that_keeps_what_it_knew_transfers_what_it_had_in_any_order() -> None:
    for tasks in ORDERS.values():
        zero_shot = [PUBLISHED["zero_shot"][task] for task in tasks]
        kept = np.tile(zero_shot, (len(tasks), 1))
        assert metrics.transfer_over_zero_shot(kept, zero_shot) == pytest.approx(0)
        assert metrics.forward_transfer(kept, zero_shot) == pytest.approx(0)


def test_forward_transfer_is_defined_with_the_zero_shot_row() -> None:
    R, zero_shot = METHODS["zscl"]["I"], [PUBLISHED["zero_shot"][task] for task in ORDERS["I"]]
    found = order_metrics(R, None, untrained=zero_shot)
    assert found["latest/forward_transfer"] == pytest.approx(
        np.mean([R[j - 1][j] - zero_shot[j] for j in range(1, 11)])
    )
    assert found["latest/transfer_over_zero_shot"] == pytest.approx(
        METHODS["zscl"]["expected"]["I"]["transfer"] - np.mean(zero_shot[1:]), abs=EXACT
    )


@pytest.mark.parametrize("figure", [metrics.mtil_transfer, metrics.mtil_average])
def test_with_a_head_of_its_own_for_every_task_a_figure_says_why_it_has_no_value(figure: Any) -> None:
    assert "head does not exist" in str(figure(HEADS))
    assert isinstance(metrics.mtil_last(HEADS), float)


def test_what_lacks_for_transfer_over_zero_shot_is_said() -> None:
    assert "head does not exist" in str(metrics.transfer_over_zero_shot(HEADS, [10, 50, 40]))
    assert "not scored" in str(metrics.transfer_over_zero_shot(FULL, None))
    assert metrics.transfer_over_zero_shot([[80]], [10]) == Undefined("it takes two tasks")


def test_after_two_of_three_tasks_the_figures_are_of_these_two() -> None:
    part = [[80, 55, 30], [70, 90, 36], [NAN, NAN, NAN]]
    assert metrics.mtil_transfer(part) == pytest.approx(55)
    assert metrics.transfer_over_zero_shot(part, [10, 50, 40]) == pytest.approx(5)
    assert metrics.mtil_average(part) == pytest.approx((80 + 55 + 70 + 90) / 4)
