from __future__ import annotations

from atlas.metrics import Undefined
from atlas.report.ties import Gap, gap

A, B, C = ("a", "b"), ("b", "a"), ("a", "c")


def test_two_pairs_say_nothing_so_the_records_do() -> None:
    found = gap({(A, 0): 69.0, (B, 0): 71.0}, {(A, 0): 70.0, (B, 0): 71.0}, (3.0, 4.0))
    assert found == Gap(difference=-0.5, half=5.0, basis="records")
    assert found.is_tied
    assert str(found) == "−0.5 ± 5.0"


def test_three_orders_are_paired() -> None:
    best = {(A, 0): 70.0, (B, 0): 75.0, (C, 0): 60.0}
    found = gap({(A, 0): 68.0, (B, 0): 73.1, (C, 0): 57.9}, best, (3.0, 4.0))
    assert found.basis == "orders"
    assert found.half is not None
    assert found.half < 0.5
    assert not found.is_tied


def test_three_seeds_of_one_order_are_paired() -> None:
    found = gap({(A, 0): 68.0, (A, 1): 69.0, (A, 2): 74.0}, {(A, 0): 70.0, (A, 1): 70.0, (A, 2): 70.0}, (3.0, 4.0))
    assert found.basis == "seeds"
    assert found.is_tied


def test_pairs_that_do_not_spread_leave_it_to_the_records() -> None:
    cells = {(A, seed): 70.0 for seed in range(3)}
    found = gap(dict.fromkeys(cells, 69.0), cells, (3.0, 4.0))
    assert found.basis == "records"


def test_without_any_error_only_equal_scores_are_tied() -> None:
    errors = (Undefined("?"), 2.0)
    assert not gap({(A, 0): 69.0}, {(A, 0): 70.0}, errors).is_tied
    assert gap({(A, 0): 70.0}, {(A, 0): 70.0}, errors).is_tied
    assert str(gap({(A, 0): 69.0}, {(A, 0): 70.0}, errors)) == "−1.0"
