"""The benchmark of leasing: two sweeps of a row differ in time alone."""

from __future__ import annotations

from benchmarks.leasing import ORDERS, Row, objectives, rows


def test_few_walks_end_sooner_on_more_fleets_with_the_same_results() -> None:
    (row,) = rows(ORDERS["three orders"], 4, seeds=1)
    assert objectives(row.before) == objectives(row.now)
    assert row.before.steps_trained == row.now.steps_trained == 30
    assert row.now.seconds < row.before.seconds


def test_a_row_compares_the_sweep_with_the_oldest_first() -> None:
    (row,) = rows(ORDERS["each task first"], 2, seeds=1)
    same = Row(row.now, row.now)
    assert same.figures == (row.now.busy, row.now.busy, 1.0, 1.0)
