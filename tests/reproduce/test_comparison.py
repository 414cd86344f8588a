from __future__ import annotations

import copy
from typing import Any

from atlas.reproduce.comparison import Scores, compare, scores_of
from tests.report.conftest import typed


def every_score(summary: dict[str, Any]) -> Scores:
    return scores_of(typed(summary), typed(summary).trials)


def test_equal_runs_are_equal_whatever_their_trials_are_called(summary: dict[str, Any]) -> None:
    other = copy.deepcopy(summary)
    other["trials"].reverse()
    for row in other["trials"]:
        row["id"] += "x"
    compared = compare(every_score(summary), every_score(other))
    assert len(compared) == 2 * 4 + 2  # walks × splits × routes, and the reference's splits
    assert all(one.is_equal(0.0) and one.difference == 0 for one in compared)


def test_the_largest_difference_is_told_of_its_order_split_and_route(summary: dict[str, Any]) -> None:
    other = copy.deepcopy(summary)
    other["trials"][1]["R"]["test"]["own"][1][0] += 1.5
    compared = compare(every_score(summary), every_score(other))
    (wrong,) = [one for one in compared if not one.is_equal(0.0)]
    order = " > ".join(summary["trials"][1]["order"])
    assert (wrong.what, wrong.split, wrong.route, wrong.difference) == (f"{order}, seed 0", "test", "own", 1.5)
    assert (wrong.is_equal(1.5), wrong.is_equal(1.4)) == (True, False)


def test_a_score_that_is_missing_is_never_equal(summary: dict[str, Any]) -> None:
    other = copy.deepcopy(summary)
    other["trials"][0]["R"]["val"]["latest"][1][1] = None
    del other["references"]["lone"]["0"]["digits"]
    compared = compare(every_score(summary), every_score(other))
    missing = {(one.split, one.route, one.missing) for one in compared if not one.is_equal(100.0)}
    assert missing == {("val", "latest", 1), ("val", "own", 1), ("test", "own", 1)}


def test_what_was_never_recorded_is_not_compared(summary: dict[str, Any]) -> None:
    whole = copy.deepcopy(summary)
    for routes in summary["trials"][0]["R"].values():
        for R in routes.values():
            R[1] = [None, None]
    compared = compare(every_score(summary), every_score(whole))
    assert all(one.is_equal(0.0) for one in compared)
    assert min(one.scores for one in compared) == 1


def test_probes_are_compared_by_walk_task_way_and_shots(summary: dict[str, Any]) -> None:
    first = {
        "order": [],
        "seed": 0,
        "task": "vcr-twin",
        "way": "both",
        "shots": "64 records",
        "val": 40.0,
        "test": 41.0,
    }
    summary["downstream"] = [{"trial": "M_0", **first}, {"trial": "t1", **first}]
    other = copy.deepcopy(summary)
    other["downstream"][1]["test"] = 44.0
    of = every_score(summary)
    wrong = [one for one in compare(of, every_score(other)) if not one.is_equal(0.0)]
    assert [(one.what.startswith("after "), one.difference) for one in wrong] == [(True, 3.0)]
    alone = scores_of(typed(summary), typed(summary).trials[:1])
    assert [what for what, _, _ in alone if "backbone" in what or "after" in what] == [
        "on the bare backbone, seed 0",
        "on the bare backbone, seed 0",
    ]
