from __future__ import annotations

import pytest

from atlas.report import downstream_orders, shot_rows
from atlas.report.best_trial import best_trial
from atlas.report.downstream import downstream_walks, few_shot_curves
from atlas.report.objective import DOWNSTREAM
from atlas.report.order_rows import order_rows
from atlas.report.summary import BARE
from tests.report.conftest import Document, typed

UNSEEN = {"chance": 25.0, "score": "accuracy", "modality": "vision-language", "fingerprint": "f" * 64, "counts": {}}
FIRST = ["digits", "easy-vqa"]


def test_a_summary_with_downstream_tasks_is_valid(downstream: Document) -> None:
    assert len(typed(downstream).downstream) == 14


def test_rows_hold_means_over_orders_beside_the_bare_backbone(downstream: Document) -> None:
    few, many = shot_rows(typed(downstream))
    assert (few.task, few.shots, few.chance, few.head) == ("pairs", "16 records", 25.0, 25.5)
    assert few.bare == {"experience": 30.0, "both": 35.0}
    assert few.mean == {"experience": 38.0, "both": 43.0}
    assert (few.low, few.high) == (40.0, 46.0)
    assert many.mean["both"] == 53.0


def test_low_shot_transfer_is_the_gain_over_the_lead_of_the_bare_backbone(downstream: Document) -> None:
    few, _ = shot_rows(typed(downstream))
    assert few.transfer["both"] == pytest.approx(100 * (43 - 35) / (35 - 25))
    assert few.transfer["experience"] == pytest.approx(100 * (38 - 30) / (30 - 25))


def test_without_a_lead_over_chance_transfer_is_undefined(downstream: Document) -> None:
    tasks = {"pairs": {**UNSEEN, "chance": 35.0}}
    assert shot_rows(typed({**downstream, "downstream_tasks": tasks}))[0].transfer["both"] is None


def test_orders_are_ranked_by_val_and_reported_on_test(downstream: Document) -> None:
    best, last = downstream_orders(typed(downstream))
    assert best.order == tuple(FIRST)
    assert best.test == pytest.approx((35 + 40 + 45 + 50) / 4)
    assert best.val > last.val
    assert best.test < last.test


def lucky(document: Document) -> Document:
    """The probed trials with two seeds: the last has the best walk of all, and by its other seed it is the worst."""
    orders = {row["trial"]: row["order"] for row in document["downstream"] if row["trial"] != BARE}
    R = {split: {route: [[60.0, None], [60.0, 60.0]] for route in ("latest", "own")} for split in ("val", "test")}
    probed = [{**one, "order": orders[one["id"]], "R": R} for one in document["trials"] if one["id"] in orders]
    walks, rows = [], []
    for seed, luck in ((1, 30.0), (2, -50.0)):
        walks += [{**trial, "id": f"{trial['id']}.{seed}", "seed": seed} for trial in probed]
        for row in document["downstream"]:
            more = luck if row["trial"] == probed[-1]["id"] else 0.0
            trial = BARE if row["trial"] == BARE else f"{row['trial']}.{seed}"
            rows.append({**row, "val": row["val"] + more, "trial": trial, "seed": seed})
    changed = {"seeds": [1, 2], "trials": walks, "downstream": rows, "best": None, "orders": []}
    return {**document, **changed, "sweep": {**document["sweep"], "goal": DOWNSTREAM}}


def test_over_several_seeds_an_order_is_the_mean_of_its_walks(downstream: Document) -> None:
    found = typed(lucky(downstream))
    assert downstream_walks(found)[0].order != tuple(FIRST)
    assert [row.order for row in downstream_orders(found)] == [row.order for row in order_rows(found)]
    assert len(downstream_orders(found)) == 2
    assert downstream_orders(found)[0].order == tuple(FIRST)


def test_over_several_seeds_the_best_trial_is_of_the_order_that_ranks_first(downstream: Document) -> None:
    found = typed(lucky(downstream))
    best = best_trial(found, DOWNSTREAM)
    assert best is not None
    assert (found.trial(best.trial).order, best.goal) == (tuple(FIRST), "downstream")


def test_seeds_are_averaged_before_the_worst_and_best_order_are_found(downstream: Document) -> None:
    again = [{**row, "seed": 2, "test": row["test"] + 2} for row in downstream["downstream"]]
    few, _ = shot_rows(typed({**downstream, "downstream": downstream["downstream"] + again}))
    assert (few.low, few.high) == (41.0, 47.0)


def test_the_figure_has_a_panel_a_task_and_names_what_it_shows(downstream: Document) -> None:
    figure = few_shot_curves(typed(downstream))
    (axes,) = figure.get_axes()
    assert axes.get_title(loc="left") == "pairs"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["16 records", "64 records"]
    for phrase in ("worst to best order", "split test", "seed 1"):
        assert phrase in figure.get_suptitle()


def test_a_sweep_without_downstream_tasks_has_no_rows(summary: Document) -> None:
    assert shot_rows(typed(summary)) == []
    assert downstream_orders(typed(summary)) == []
