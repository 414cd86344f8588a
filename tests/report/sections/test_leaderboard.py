from __future__ import annotations

from atlas.metrics import METRICS
from atlas.report import leaderboard
from atlas.report.comparisons import order_scores
from atlas.report.environment import render
from atlas.report.formats import interval, with_error
from atlas.report.objective import accuracy_error
from atlas.report.sections.leaderboard import leaderboard_metrics, leaderboard_section
from tests.report.conftest import Document, typed

JOINT = {"tasks": ["digits"], "seed": 1, "val": {"digits": 90.0}, "test": {"digits": 91.0}}


def page_of(summary: Document) -> str:
    return render(leaderboard_section(typed(summary), leaderboard(typed(summary))))


def test_with_several_seeds_the_leaderboard_has_intervals_and_each_seed_behind_a_click(rich: Document) -> None:
    page = page_of(rich)
    first = order_scores(typed(rich))[0]
    assert interval(first.test) in page
    assert " ± " in interval(first.test)
    assert "Every seed by itself" in page
    assert "half of the 95 % interval" in page


def test_with_one_seed_what_stands_beside_a_score_is_the_error_of_its_records(summary: Document) -> None:
    section = leaderboard_section(typed(summary), leaderboard(typed(summary)))
    first = leaderboard(typed(summary))[0]
    error = accuracy_error(typed(summary), typed(summary).trial(first.trial), "val")
    assert with_error(first.val, error) in section.trials.rows[0]
    page = page_of(summary)
    assert "that the number of scored records leaves" in page
    assert "over its seeds" not in page
    assert "Every seed" not in page


def test_tied_orders_say_so_and_what_would_decide(summary: Document) -> None:
    page = page_of(summary)
    assert ", tied" in page
    assert "To decide: <code>--seeds 0 1 2</code>" in page


def test_two_seeds_are_shown_as_values_and_not_as_an_interval(rich: Document) -> None:
    rich["trials"] = [trial for trial in rich["trials"] if trial["seed"] != 3 and trial["settings"] == {"rank": 8}]
    section = leaderboard_section(
        typed(rich | {"seeds": [1, 2], "best": None}), leaderboard(typed(rich | {"best": None}))
    )
    assert section.orders is not None
    assert all("±" not in cell and "(" in cell for row in section.orders.rows for cell in row[4:6])  # type: ignore[operator]


def test_the_leaderboard_names_the_reference_of_intransigence_and_says_why_a_speed_is_missing(
    summary: Document,
) -> None:
    summary["trials"][0]["metrics"]["train/learning_speed"] = 12.5
    page = page_of(summary)
    assert "Intransigence (test, latest): the score of an adapter trained on the task alone" in page
    assert "Updates to 90 % (train)" in page
    assert "<td>12.5</td>" in page
    assert '<span title="not recorded by this sweep">–</span>' in page
    page = page_of({**summary, "joint": [JOINT]})
    assert "Intransigence (test, latest): the score of a model trained on the task and all before it together" in page
    assert '<span title="no joint model was trained on the tasks up to each one">–</span>' in page


def test_a_trial_that_did_not_finish_has_a_badge_and_is_not_the_best(summary: Document) -> None:
    for trial in summary["trials"]:
        trial["status"] = "PRUNED"
    section = leaderboard_section(typed(summary), leaderboard(typed(summary)))
    assert not section.trials.best
    assert render(section).count('<span class="badge bad">pruned</span>') == 24


def test_the_registrys_metrics_are_columns_with_the_intransigence_that_the_sweep_has(summary: Document) -> None:
    alone, joint = (
        [metric.name for metric in leaderboard_metrics(typed(given))]
        for given in (summary, {**summary, "joint": [JOINT]})
    )
    assert set(alone) ^ set(joint) == {"intransigence", "intransigence_to_lone"}
    headings = [
        column.heading for column in leaderboard_section(typed(summary), leaderboard(typed(summary))).trials.columns
    ]
    assert headings[6:-1] == [METRICS[name].title for name in alone]
