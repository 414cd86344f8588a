from __future__ import annotations

import numpy as np
import pytest

from atlas.metrics import Undefined
from atlas.report.headline import headline
from atlas.report.sections.settings import settings_section
from atlas.report.settings import best_label, is_settings_sweep, setting_rows, short_label, value_text
from atlas.report.tables import leaderboard
from atlas.report.views import Cell
from atlas.statistics import Interval
from tests.report.conftest import SETTINGS, Document, of_trials, settings_summary, typed


def test_a_row_is_a_setting_and_not_a_walk(tuned: Document) -> None:
    rows = setting_rows(typed(tuned))
    assert len(rows) == len(SETTINGS) == 9
    assert len(leaderboard(typed(tuned))) == 18
    assert {row.orders for row in rows} == {2}
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)


def test_its_mean_worst_order_and_spread_are_those_of_its_orders(tuned: Document) -> None:
    first = setting_rows(typed(tuned))[0]
    scores = [row.val for row in leaderboard(typed(tuned)) if row.settings == first.label]
    assert first.val.value == first.score == pytest.approx(np.mean([score for score in scores if score is not None]))
    assert first.worst == min(score for score in scores if score is not None)
    assert first.spread == pytest.approx(max(filter(None, scores)) - first.worst)


def test_with_two_orders_a_gap_rests_on_records_and_with_three_on_pairs(tuned: Document) -> None:
    assert setting_rows(typed(tuned))[1].gap.basis == "records"
    assert setting_rows(typed(settings_summary(orders=3)))[1].gap.basis == "orders"
    assert setting_rows(typed(settings_summary(orders=1, seeds=(0, 1, 2))))[1].gap.basis == "seeds"


def test_the_best_single_walk_is_not_the_best_setting(tuned: Document) -> None:
    """A setting with one lucky order, and a bad other one, does not win."""
    lucky = [trial for trial in tuned["trials"] if trial["id"].startswith("s8")]
    for trial, shift in zip(lucky, (9.0, -30.0), strict=True):
        trial["R"]["val"]["latest"][-1] = [min(99.0, score + shift) for score in trial["R"]["val"]["latest"][-1]]
    summary = typed(of_trials(tuned, tuned["trials"]))
    assert leaderboard(summary)[0].trial == lucky[0]["id"]
    assert best_label(summary) == setting_rows(summary)[0].label != leaderboard(summary)[0].settings


def test_the_aim_worst_ranks_by_the_worst_order(tuned: Document) -> None:
    tuned["settings"]["aim"] = "worst"
    rows = setting_rows(typed(tuned))
    assert [row.worst for row in rows] == sorted((row.worst for row in rows), reverse=True)
    assert all(row.score == row.worst for row in rows)


def test_a_quantile_ranks_by_its_score_and_has_an_interval_only_of_orders_enough(tuned: Document) -> None:
    tuned["settings"]["aim"] = "q25"
    rows = setting_rows(typed(tuned))
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    for row in rows:
        assert row.spread is not None
        assert row.score == pytest.approx(row.worst + 0.25 * row.spread)  # of two orders, linear between them
        assert row.sure == Undefined("it takes 13 orders; there are 2")
    assert rows[1].gap.difference == pytest.approx(rows[1].score - rows[0].score)
    many = settings_summary(orders=14)
    many["settings"]["aim"] = "q25"
    first = setting_rows(typed(many))[0]
    assert isinstance(first.sure, Interval)
    assert first.worst <= first.sure.low < first.score < first.sure.high
    said = headline(typed(many))
    assert f"val, q25 of orders, {first.score:.1f}" in said


def test_the_page_says_the_quantile_and_why_it_has_no_interval(tuned: Document) -> None:
    tuned["settings"]["aim"] = "q25"
    section = settings_section(typed(tuned))
    assert section is not None
    assert section.aim == "q25 of orders"
    place = [column.heading for column in section.settings.columns].index("Its interval")
    cell = section.settings.rows[0][place]
    assert isinstance(cell, Cell)
    assert cell.title == "it takes 13 orders; there are 2"


def test_trials_that_did_not_finish_are_no_settings(tuned: Document) -> None:
    for trial in tuned["trials"]:
        trial["status"] = "PRUNED"
    summary = typed(of_trials(tuned, tuned["trials"]))
    assert setting_rows(summary) == []
    assert best_label(summary) == ""


def test_a_sweep_of_orders_is_none_of_settings(summary: Document, tuned: Document) -> None:
    assert not is_settings_sweep(typed(summary))
    assert is_settings_sweep(typed(tuned))


def test_labels_are_short_and_say_what_differs() -> None:
    best = {"adapter": "bottleneck", "rank": 16, "normalisation": "softmax"}
    assert short_label(best) == "bottleneck, softmax, rank 16"
    assert short_label({**best, "rank": 4}, best) == "rank 4"
    assert short_label({"adapter": "bottleneck", "rank": 16}, best) == "no normalisation"
    assert short_label({**best, "normalisation": "none"}, best) == "normalisation none"
    assert short_label({"stage_1": False, "learning_rate": 0.00012345}) == "learning rate 1.23e-4, no stage 1"


def test_values_are_short() -> None:
    assert [value_text(value) for value in (16, 0.27183, 1e-5, 4135.99, 999.6, True, None, "x")] == [
        "16", "0.272", "1e-5", "4136", "1000", "yes", "none", "x",
    ]  # fmt: skip
