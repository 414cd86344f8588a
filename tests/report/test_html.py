from __future__ import annotations

from atlas.metrics import Undefined
from atlas.report.html import arrows, coloured, duration, grid, interval, number, pairs, table
from atlas.statistics import Interval, Mean


def test_numbers_have_one_decimal_a_true_minus_and_a_dash_for_none() -> None:
    assert [number(value) for value in (71.25, -3.0, None, float("nan"))] == ["71.2", "−3.0", "–", "–"]
    assert number(3.0, " %") == "3.0 %"
    assert number(3.0, sign=True) == "+3.0"


def test_durations_have_a_readable_unit() -> None:
    assert [duration(seconds) for seconds in (12, 600, 36_000)] == ["12 s", "10 min", "10.0 h"]


def test_names_are_escaped() -> None:
    assert "&lt;b&gt;" in arrows(["<b>", "c"])
    assert "<dd>&lt;i&gt;</dd>" in pairs({"a": "<i>"})


def test_words_stand_left_and_the_best_row_is_marked() -> None:
    made = table(["Task", "Score"], [["a", "1"], ["b", "2"]], wide={0}, best=True)
    assert "<th class=w>Task</th><th>Score</th>" in made
    assert made.count("class=best") == 1
    assert made.index("class=best") < made.index(">a<")


def test_an_interval_is_half_its_width_and_absent_where_it_is_undefined() -> None:
    sure = Interval(low=69.5, high=72.9, level=0.95, method="t")
    assert interval(Mean(value=71.2, count=3, interval=sure)) == "71.2 ± 1.7"
    assert interval(Mean(value=71.2, count=1, interval=Undefined("one"))) == "71.2"
    assert interval(Undefined("none")) == "–"


def test_a_matrix_names_rows_and_columns_and_escapes_them() -> None:
    made = grid("a <", ["<x>"], [("<y>", [coloured("1 <", ("#000000", "#ffffff"), 'say "so"')])])
    assert "<span>&lt;x&gt;</span>" in made
    assert 'title="&lt;y&gt;"' in made
    assert 'style="background:#000000;color:#ffffff" title="say &quot;so&quot;">1 &lt;</td>' in made
