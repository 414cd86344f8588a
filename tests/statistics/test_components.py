from __future__ import annotations

import numpy as np
import pytest

from atlas.metrics import Undefined
from atlas.statistics import Components, variance_components

Cells = dict[tuple[tuple[str, ...], int], float]


def table(*rows: list[float]) -> Cells:
    return {((str(order),), seed): value for order, row in enumerate(rows) for seed, value in enumerate(row)}


def components(cells: Cells) -> Components:
    found = variance_components(cells)
    assert isinstance(found, Components)
    return found


def test_a_table_worked_out_by_hand() -> None:
    # Rows 10 14 / 20 22: means 12, 21; columns 15, 18; grand 16.5.
    # MS_order = 2·(4.5² + 4.5²) = 81; MS_seed = 2·(1.5² + 1.5²) = 9; residuals ±.5: MS_e = 4·.25 = 1.
    found = components(table([10, 14], [20, 22]))
    assert (found.order, found.seed, found.residual) == pytest.approx((40, 4, 1))
    assert found.share("order") == pytest.approx(100 * 40 / 45)
    assert found.negative == ()
    # F(1, 1) = 81 is t(1) = 9: p = 1 - 2/π · atan(9)
    assert found.p == pytest.approx(1 - 2 / np.pi * np.arctan(9))


def test_a_negative_estimate_is_reported_as_zero_and_named() -> None:
    found = components(table([10, 20], [20, 10]))
    assert (found.order, found.seed, found.negative) == (0, 0, ("order", "seed"))
    assert found.residual == pytest.approx(100)


def test_known_variances_are_found_again() -> None:
    draw = np.random.default_rng(0)
    y = 60 + draw.normal(0, 5, (200, 1)) + draw.normal(0, 2, (1, 200)) + draw.normal(0, 1, (200, 200))
    found = components(table(*y.tolist()))
    assert (found.order, found.seed, found.residual) == pytest.approx((25, 4, 1), rel=0.25)


def test_orders_that_lack_a_seed_are_left_out_and_counted() -> None:
    cells = table([10, 14], [20, 22])
    found = components(cells | {(("half",), 0): 90.0})
    assert (found.orders, found.seeds, found.dropped) == (2, 2, 1)
    assert found.order == pytest.approx(40)


@pytest.mark.parametrize("cells", [{}, table([10, 14]), table([10], [20])])
def test_one_order_or_one_seed_tells_nothing_apart(cells: Cells) -> None:
    assert "it takes two orders and two seeds" in str(variance_components(cells))


def test_without_a_residual_there_is_nothing_to_test_against() -> None:
    found = components(table([10, 11], [20, 21]))
    assert isinstance(found.p, Undefined)
    same = components(table([10, 10], [10, 10]))
    assert same.share("order") == Undefined("all scores are the same")
