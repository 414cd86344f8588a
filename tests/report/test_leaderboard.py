from __future__ import annotations

from typing import Any

from atlas.report import leaderboard
from atlas.report.comparisons import order_rows
from atlas.report.html import interval
from atlas.report.leaderboard import comparison_section, leaderboard_section, pareto_section

Summary = dict[str, Any]


def test_with_several_seeds_the_leaderboard_has_intervals_and_each_seed_behind_a_click(rich: Summary) -> None:
    page = leaderboard_section(rich, leaderboard(rich))
    first = order_rows(rich)[0]
    assert interval(first.test) in page
    assert " ± " in interval(first.test)
    assert "Every seed by itself" in page
    assert "half of the 95 % interval" in page


def test_with_one_seed_there_is_no_interval_to_show(summary: Summary) -> None:
    page = leaderboard_section(summary, leaderboard(summary))
    assert "±" not in page
    assert "Every seed" not in page


def test_the_leaderboard_names_the_reference_of_intransigence_and_says_why_a_speed_is_missing(summary: Summary) -> None:
    summary["trials"][0]["metrics"]["train/learning_speed"] = 12.5
    page = leaderboard_section(summary, leaderboard(summary))
    assert "Intransigence (test, latest): the score of an adapter trained on the task alone" in page
    assert "Updates to 90 % (train)" in page
    assert "<td>12.5</td>" in page
    assert '<span title="not recorded by this sweep">–</span>' in page
    joint = [{"tasks": ["digits"], "seed": 1, "val": {"digits": 90.0}, "test": {"digits": 91.0}}]
    page = leaderboard_section({**summary, "joint": joint}, leaderboard({**summary, "joint": joint}))
    assert "Intransigence (test, latest): the score of a model trained on the task and all before it together" in page
    assert '<span title="no joint model was trained on the tasks up to each one">–</span>' in page


def test_comparisons_name_test_correction_and_the_least_p_there_can_be(rich: Summary) -> None:
    page = comparison_section(rich)
    assert "setting that val prefers, <b>rank=16</b>" in page
    for word in ("permutation", "Holm", "Least p", "0.031", "Spearman"):
        assert word in page


def test_settings_without_a_pair_are_named_and_counted(rich: Summary) -> None:
    for number, trial in enumerate(rich["trials"]):
        trial["settings"] = {"rate": number}
    page = comparison_section(rich)
    assert "Not compared: rate=" in page
    assert "more.</p>" in page


def test_one_setting_has_no_comparison(summary: Summary) -> None:
    assert comparison_section(summary) == ""


def test_costs_are_a_figure_and_a_table(rich: Summary, summary: Summary) -> None:
    page = pareto_section(rich)
    assert "<svg" in page
    assert "Stored parameters (thousands)" in page
    assert "rank=8" in page
    summary["trials"] = summary["trials"][:1]
    assert pareto_section(summary) == ""
