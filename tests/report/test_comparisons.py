from __future__ import annotations

import pytest

from atlas.metrics import Undefined
from atlas.report.comparisons import (
    agreements,
    best_label,
    cells,
    comparisons,
    components,
    order_scores,
    precedence,
    ranked_orders,
)
from atlas.statistics import Comparison, Components, Interval, Mean, Precedence, RankCorrelation, mean_t
from tests.report.conftest import Document, of_trials, typed


def test_an_orders_row_is_the_mean_over_its_seeds_with_students_interval(rich: Document) -> None:
    row = order_scores(typed(rich))[0]
    scores = [
        sum(trial["R"]["test"]["latest"][-1]) / 4
        for trial in rich["trials"]
        if tuple(trial["order"]) == row.order and trial["settings"] == {"rank": int(row.settings.split("=")[1])}
    ]
    assert len(scores) == row.seeds == 3
    wanted = mean_t(scores)
    assert isinstance(wanted, Mean)
    assert isinstance(row.test, Mean)
    assert row.test.value == pytest.approx(wanted.value)
    assert isinstance(row.test.interval, Interval)
    assert len(order_scores(typed(rich))) == 12
    vals = [one.val.value for one in order_scores(typed(rich))]
    assert vals == sorted(vals, reverse=True)


def test_the_better_setting_is_told_and_paired_by_order(rich: Document) -> None:
    assert best_label(typed(rich)) == "rank=16"
    (found,) = comparisons(typed(rich))
    assert isinstance(found, Comparison)
    assert (found.first, found.second, found.unit, found.count) == ("rank=8", "rank=16", "order", 6)
    assert found.difference == pytest.approx(-2, abs=1)  # what conftest puts in
    assert found.adjusted < 0.05


def test_with_more_seeds_than_orders_seeds_are_the_pairs(rich: Document) -> None:
    orders = {tuple(trial["order"]) for trial in rich["trials"]}
    kept = sorted(orders)[:2]
    rich = of_trials(rich, [trial for trial in rich["trials"] if tuple(trial["order"]) in kept])
    (found,) = comparisons(typed(rich))
    assert isinstance(found, Comparison)
    assert (found.unit, found.count) == ("seed", 3)


def test_one_setting_has_nothing_to_be_compared_with(summary: Document) -> None:
    assert comparisons(typed(summary)) == []
    assert agreements(typed(summary)) == []


def test_settings_that_like_the_same_orders_agree(rich: Document) -> None:
    (found,) = agreements(typed(rich))
    assert isinstance(found, RankCorrelation)
    assert found.count == 6
    assert found.spearman > 0.5


def test_order_and_seed_are_told_apart_once_there_are_two_of_each(rich: Document, summary: Document) -> None:
    found = components(typed(rich))["latest"]
    assert isinstance(found, Components)
    assert (found.orders, found.seeds) == (6, 3)
    assert found.order > found.residual
    assert isinstance(components(typed(summary))["latest"], Undefined)


def test_what_is_learnt_late_keeps_its_score(summary: Document) -> None:
    """All 24 orders: with any other task earlier, a task stands later and is forgotten less."""
    found = precedence(typed(summary), "latest")
    assert len(found) == 12
    for effect in found.values():
        assert isinstance(effect, Precedence)
        assert (effect.before, effect.after) == (12, 12)
        assert effect.effect > 0


def test_unfinished_trials_are_no_evidence(rich: Document) -> None:
    for trial in rich["trials"]:
        trial["status"] = "PRUNED"
    assert cells(typed(rich), "latest/average_accuracy") == {}
    assert order_scores(typed(rich)) == comparisons(typed(rich)) == []
    assert precedence(typed(rich), "latest") == {}
    assert ranked_orders(typed(rich), best_label(typed(rich)), "test", "latest") == []


def test_orders_are_ranked_by_val_whatever_test_says(rich: Document) -> None:
    ranked = ranked_orders(typed(rich), "rank=16", "test", "latest")
    wanted = [row.order for row in order_scores(typed(rich)) if row.settings == "rank=16"]
    assert [order for order, _ in ranked] == wanted
