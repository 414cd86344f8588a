from __future__ import annotations

from atlas.report.parts import arrows, duration, number, pairs, table


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
