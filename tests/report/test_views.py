from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.report.views import Cell, Table, bounds_cell, columns, evenly, number_cell
from atlas.statistics import Interval


def test_columns_of_words_are_set_to_the_left() -> None:
    assert [(one.heading, one.left) for one in columns("Task", "Score", left=(0,))] == [
        ("Task", True),
        ("Score", False),
    ]


def test_a_table_is_folded_after_its_limit() -> None:
    rows = (("a",), ("b",), ("c",))
    table = Table(columns=columns("Task"), rows=rows, limit=2)
    assert (table.shown, table.folded) == (rows[:2], rows[2:])
    whole = Table(columns=columns("Task"), rows=rows)
    assert (whole.shown, whole.folded) == (rows, ())


def test_a_missing_number_says_why() -> None:
    assert number_cell(12.5, why="not recorded") == "12.5"
    assert number_cell(None, why="not recorded") == Cell(text="–", title="not recorded")
    assert number_cell(None) == "–"
    assert bounds_cell(Undefined("one pair")) == Cell(text="–", title="one pair")
    assert bounds_cell(Interval(low=-0.5, high=2.0, level=0.95, method="t")) == "−0.5 to +2.0"


def test_a_scales_stops_are_evenly_spaced() -> None:
    assert evenly(-2, 2) == [-2, -1, 0, 1, 2]
    assert evenly(0.1, 0.5) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
