from __future__ import annotations

import math
from typing import Any

import pytest

from atlas.report import leaderboard, order_statistics, task_rows
from atlas.report.tables import final_scores, settings_label
from tests.report.conftest import of_trials, typed

NAN = math.nan


def test_intransigence_is_to_the_joint_models_where_the_sweep_has_them_else_to_each_task_alone(
    summary: dict[str, Any],
) -> None:
    trial = summary["trials"][0]
    diagonal = [trial["R"]["test"]["latest"][j][j] for j in range(4)]
    lone = [summary["references"]["lone"]["1"][task]["test"] for task in trial["order"]]
    alone = sum(a - b for a, b in zip(lone, diagonal, strict=True)) / 4
    (row,) = [row for row in leaderboard(typed(summary)) if row.trial == trial["id"]]
    assert row.intransigence == pytest.approx(alone)
    joint = [
        {"tasks": sorted(trial["order"][: j + 1]), "seed": 1, "val": {}, "test": {trial["order"][j]: diagonal[j] + j}}
        for j in range(4)
    ]
    (row,) = [row for row in leaderboard(typed({**summary, "joint": joint})) if row.trial == trial["id"]]
    assert row.intransigence == pytest.approx((0 + 1 + 2 + 3) / 4)
    (row,) = [row for row in leaderboard(typed({**summary, "joint": joint[1:]})) if row.trial == trial["id"]]
    assert (row.intransigence, row.undefined["intransigence"]) == (
        None,
        "no joint model was trained on the tasks up to each one",
    )


def test_the_speed_is_the_recorded_one_or_says_why_there_is_none(summary: dict[str, Any]) -> None:
    first, second, third = summary["trials"][:3]
    first["metrics"]["train/learning_speed"] = 12.5
    second["metrics"]["train/learning_speed"] = {"undefined": "digits: two points"}
    rows = {row.trial: row for row in leaderboard(typed(summary))}
    assert rows[first["id"]].speed == 12.5
    assert rows[second["id"]].undefined["speed"] == "digits: two points"
    assert rows[third["id"]].undefined["speed"] == "not recorded by this sweep"


def test_the_leaderboard_is_sorted_by_val_whatever_test_says(summary: dict[str, Any]) -> None:
    last = leaderboard(typed(summary))[-1]
    for trial in summary["trials"]:
        if trial["id"] == last.trial:
            trial["R"]["test"]["latest"] = [[99.0] * 4] * 4
    rows = leaderboard(typed(summary))
    vals = [row.val for row in rows if row.val is not None]
    assert vals == sorted(vals, reverse=True)
    assert rows[-1].trial == last.trial
    assert rows[-1].test == 99.0


def test_a_trial_that_did_not_finish_comes_after_those_that_did(summary: dict[str, Any]) -> None:
    first = leaderboard(typed(summary))[0]
    for trial in summary["trials"]:
        if trial["id"] == first.trial:
            trial["status"] = "PRUNED"
    rows = leaderboard(typed(summary))
    assert rows[-1].trial == first.trial
    assert rows[0].status == "FINISHED"


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "PRUNED"])
def test_a_part_of_an_order_has_neither_rank_nor_figures(summary: dict[str, Any], status: str) -> None:
    first = leaderboard(typed(summary))[0]
    trial = next(trial for trial in summary["trials"] if trial["id"] == first.trial)
    trial["status"] = status
    for routes in trial["R"].values():
        for R in routes.values():
            R[2:] = [[None] * 4] * 2
    rows = leaderboard(typed(summary))
    row = rows[-1]
    assert (row.trial, row.rank, row.val, row.test, row.relative, row.forgetting) == (first.trial, *[None] * 5)
    assert row.undefined["intransigence"] == "2 of 4 tasks were trained"
    assert [row.rank for row in rows[:-1]] == list(range(1, len(rows)))


def test_a_whole_order_of_a_trial_that_failed_elsewhere_keeps_its_figures_without_a_rank(
    summary: dict[str, Any],
) -> None:
    first = leaderboard(typed(summary))[0]
    next(trial for trial in summary["trials"] if trial["id"] == first.trial)["status"] = "FAILED"
    row = leaderboard(typed(summary))[-1]
    assert (row.trial, row.rank, row.val) == (first.trial, None, first.val)


def test_a_trial_without_a_single_score_is_listed(summary: dict[str, Any]) -> None:
    summary["trials"][0] |= {"R": {}, "status": "FAILED"}
    row = leaderboard(typed(summary))[-1]
    assert (row.val, row.test, row.forgetting) == (None, None, None)


def small(summary: dict[str, Any], scores: list[tuple[list[str], int, list[float]]]) -> dict[str, Any]:
    """The summary with one trial for each (order, seed, final scores)."""
    trials = []
    for number, (order, seed, last) in enumerate(scores):
        R = [[None] * len(order)] * (len(order) - 1) + [last]
        trials.append(
            {**summary["trials"][0], "id": f"s{number}", "order": order, "seed": seed, "R": {"test": {"latest": R}}}
        )
    return of_trials(summary, trials)


def test_disparity_averages_the_seeds_of_an_order_first(summary: dict[str, Any]) -> None:
    forth, back = ["digits", "sentiment"], ["sentiment", "digits"]
    chosen = small(summary, [(forth, 1, [60, 80]), (forth, 2, [70, 80]), (back, 1, [78, 75])])
    (statistics,) = order_statistics(typed(chosen))
    assert statistics.opd == {"digits": 10.0, "sentiment": 2.0}
    assert (statistics.aopd, statistics.mopd, statistics.count) == (6.0, 10.0, 2)


def test_disparity_compares_orders_of_the_same_tasks_alone(summary: dict[str, Any]) -> None:
    forth, back = ["digits", "sentiment"], ["sentiment", "digits"]
    chosen = small(summary, [(forth, 1, [60, 80]), (back, 1, [78, 65]), (["easy-vqa"], 1, [5])])
    (statistics,) = order_statistics(typed(chosen))
    assert statistics.opd == {"digits": 5.0, "sentiment": 2.0}


def test_settings_are_compared_each_with_itself(summary: dict[str, Any]) -> None:
    for number, trial in enumerate(summary["trials"]):
        trial["settings"] = {"adapter.r": 8 + number % 2}
    assert set(final_scores(typed(summary), "test", "latest")) == {"adapter.r=8", "adapter.r=9"}
    assert {one.count for one in order_statistics(typed(summary))} == {12}
    assert settings_label({"b": 1.5, "a": "lora", "c": [1]}) == "a=lora, b=1.5, c=[1]"


def test_tasks_are_shown_with_what_to_compare_them_with(summary: dict[str, Any]) -> None:
    digits = next(row for row in task_rows(typed(summary)) if row.name == "digits")
    assert (digits.chance, digits.single_task, digits.head_only, digits.samples) == (10.0, 93.0, 76.0, 1200)
    assert digits.low is not None
    assert digits.mean is not None
    assert digits.high is not None
    assert digits.low <= digits.mean <= digits.high
