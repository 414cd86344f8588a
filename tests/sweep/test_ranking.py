"""The tables of a sweep's end that rank settings, orders or walks."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from atlas.report.headline import headline
from atlas.sweep.ranking import print_leaderboard, print_ranking, print_settings
from tests.report.conftest import settings_summary, typed


def test_the_leaderboard_shows_both_orders_best_first(console: Console, summary: dict[str, Any]) -> None:
    print_leaderboard(console, typed(summary))
    text = console.export_text()
    assert "digits > easy-vqa" in text
    assert "easy-vqa > digits" in text
    assert f"{summary['best']['val']:.1f}" in text
    assert "average accuracy after the last task" in text
    (best,) = (row for row in summary["trials"] if row["id"] == summary["best"]["trial"])
    assert " > ".join(best["order"]) in next(line for line in text.splitlines() if "│ 1 " in line)


def test_a_long_leaderboard_is_cut(console: Console, summary: dict[str, Any]) -> None:
    many = [{**summary["trials"][0], "id": str(number)} for number in range(30)]
    print_leaderboard(console, typed({**summary, "trials": many, "best": None}))
    assert "… and 6 more in summary.json" in console.export_text()


def test_settings_and_seeds_have_columns_where_they_differ(console: Console, summary: dict[str, Any]) -> None:
    rows = [{**row, "settings": {"rank": 4}, "seed": 7} for row in summary["trials"]]
    print_leaderboard(console, typed({**summary, "trials": rows, "seeds": [7, 8]}))
    text = console.export_text()
    assert "settings" in text
    assert "seed" in text
    assert "rank" in text


def test_a_trial_that_did_not_finish_is_marked(console: Console, summary: dict[str, Any]) -> None:
    rows = [{**row, "status": "KILLED"} for row in summary["trials"]]
    print_leaderboard(console, typed({**summary, "trials": rows}))
    assert "(KILLED)" in console.export_text()


def over_seeds(summary: dict[str, Any], times: dict[str, float]) -> dict[str, Any]:
    """The sweep with seeds 7 and 8; the second one's scores are so many `times` the first one's, by order."""
    walks = []
    for walk in summary["trials"]:
        factor = times.get(" > ".join(walk["order"]), 1.0)
        R = {
            split: {route: [[score and score * factor for score in row] for row in rows] for route, rows in of.items()}
            for split, of in walk["R"].items()
        }
        walks += [{**walk, "seed": 7}, {**walk, "id": f"{walk['id']}.1", "seed": 8, "R": R}]
    return {**summary, "trials": walks, "seeds": [7, 8], "best": None}


def test_over_several_seeds_a_line_is_an_order_and_the_first_is_the_answers(
    console: Console, summary: dict[str, Any]
) -> None:
    found = typed(over_seeds(summary, {"digits > easy-vqa": 0.5}))
    print_ranking(console, found)
    first, second = (line for line in console.export_text().splitlines() if line[2:3].isdigit())
    assert "easy-vqa > digits" in first
    assert "digits > easy-vqa" in second
    assert headline(found).startswith("Best: easy-vqa > digits")
    (low, high) = sorted(
        sum(walk.R["val"]["latest"][-1][:2]) / 2 for walk in found.trials if walk.order == ("digits", "easy-vqa")
    )
    assert f"{(low + high) / 2:.1f} ({high:.1f}, {low:.1f})" in second


def test_walks_that_did_not_finish_are_counted_beside_the_orders(console: Console, summary: dict[str, Any]) -> None:
    found = over_seeds(summary, {})
    found["trials"][0] = {**found["trials"][0], "status": "PRUNED"}
    print_ranking(console, typed(found))
    assert "1 walk left out, which did not come to the end (pruned)" in console.export_text()


def test_a_quantile_over_orders_has_a_column_of_its_own(console: Console) -> None:
    document = settings_summary(orders=14)
    document["settings"]["aim"] = "q25"
    print_settings(console, typed(document))
    text = " ".join(console.export_text().split())
    assert "ranked by average accuracy after the last task, route latest, q25 of orders, on val" in text
    assert "what 75 % of orders reach (q25)" in text
    assert text.count(" [") == 9


def test_a_trial_that_misses_a_constraint_is_named_below_the_ranking(console: Console) -> None:
    document = settings_summary()
    for trial in document["trials"][:2]:
        trial["infeasible"] = "forgetting is 5, at most 3 is asked for"
    print_ranking(console, typed(document))
    text = console.export_text()
    assert text.count("not ranked: ") == 1
    assert "forgetting is 5, at most 3 is asked for" in text
    assert sum(line.startswith("│ ") and line[2].isdigit() for line in text.splitlines()) == 8


def test_settings_are_a_line_each_with_a_column_a_parameter(console: Console) -> None:
    print_settings(console, typed(settings_summary()))
    text = console.export_text()
    assert sum(line.startswith("│ ") and line[2].isdigit() for line in text.splitlines()) == 9
    for heading in ("normalisation", "past weight", "rank", "worst", "spread", "to the best"):
        assert heading in text
    assert "│ 2 = │" in text
    assert "=: cannot be told apart from row 1" in text
