from __future__ import annotations

import copy

import pytest

from atlas.report.comparisons import order_scores
from atlas.report.headline import headline, how_to_decide
from atlas.report.objective import goal_in_words
from atlas.report.order_rows import order_rows
from atlas.report.settings import setting_rows
from atlas.report.tables import leaderboard
from tests.report.beyond import with_downstream
from tests.report.conftest import Document, of_trials, settings_summary, typed


def test_a_settings_sweep_names_its_best_setting_and_what_is_tied(tuned: Document) -> None:
    best, second = setting_rows(typed(tuned))[:2]
    said = headline(typed(tuned))
    assert said.startswith(f"Best: bottleneck, learned, softmax, weighting whole, rank 16 (val {best.score:.1f} ± ")
    assert f" over 2 orders); rank 4 cannot be told apart ({second.gap})" in said
    assert said.endswith("to decide: --seeds 0 1 2")


def test_a_setting_that_was_tried_in_one_of_several_orders_names_it(tuned: Document) -> None:
    """Where orders are searched beside settings the order is half of the answer."""
    orders = list(dict.fromkeys(tuple(trial["order"]) for trial in tuned["trials"]))
    kept = [
        trial
        for trial in tuned["trials"]
        if tuple(trial["order"]) == (orders[0] if trial["id"].startswith("s0") else orders[1])
    ]
    assert f" along {' > '.join(orders[1])}); " in headline(typed(of_trials(tuned, kept)))


def test_a_setting_that_is_clearly_best_has_a_next_one(tuned: Document) -> None:
    kept = [trial for trial in tuned["trials"] if trial["id"][:2] in ("s0", "s2")]
    said = headline(typed(of_trials(tuned, kept)))
    assert "; next: lora, normalisation none, weighting dimension, rank 8 (−10." in said
    assert "decide" not in said


def test_a_sweep_of_orders_names_the_order_and_the_tied_row(summary: Document) -> None:
    rows = order_rows(typed(summary))
    assert headline(typed(summary)) == (
        f"Best: {' > '.join(rows[0].order)} (val {rows[0].score:.1f} ± {rows[0].error:.1f}); tied with row 2 "
        f"({rows[1].gap}) and {sum(row.gap.is_tied for row in rows[2:])} more; to decide: --seeds 0 1 2"
    )


def test_without_a_finished_trial_there_is_no_answer(summary: Document, tuned: Document) -> None:
    for document in (summary, tuned):
        assert headline(typed(of_trials(document, []))) == ""


def test_what_decides_is_three_seeds_and_then_more() -> None:
    assert how_to_decide(typed(settings_summary(seeds=(7,)))) == "--seeds 0 1 7"
    assert how_to_decide(typed(settings_summary(seeds=(0, 1, 2)))) == "--seeds 0 1 2 3 4 5"


def test_the_ranking_is_by_the_sweeps_own_goal(summary: Document) -> None:
    summary["sweep"]["goal"] = "latest/backward_transfer"
    found = typed(of_trials(summary, summary["trials"]))
    rows = leaderboard(found)
    assert [row.objective for row in rows] == sorted((row.objective for row in rows), reverse=True)  # type: ignore[type-var]
    assert [row.val for row in rows] != sorted((row.val for row in rows), reverse=True)  # type: ignore[type-var]
    assert "backward transfer" in goal_in_words(found)
    assert "fewer than 3 seeds: whether that is luck is not known" in headline(found)


def test_a_sweep_of_downstream_tasks_ranks_by_these(summary: Document) -> None:
    summary["sweep"]["goal"] = "downstream/mean"
    found = typed({**with_downstream(summary), "best": None})
    assert leaderboard(found)[0].trial == "t00"  # whose val is higher: `probed` prefers what test does not
    assert goal_in_words(found) == "mean score of the downstream tasks"


def with_seeds_as_needed(document: Document) -> Document:
    """Three orders: the best with three seeds, one with one lucky seed, and a worse one."""
    kept = []
    for number, (place, seed, more) in enumerate([(0, 0, 0.0), (0, 1, 1.0), (0, 2, -1.0), (1, 0, 0.1), (2, 0, -3.0)]):
        trial = copy.deepcopy(document["trials"][0])
        tasks = document["trials"][place]["order"]
        trial |= {"id": f"r{number}", "order": tasks, "seed": seed}
        last = trial["R"]["val"]["latest"][-1]
        trial["R"]["val"]["latest"][-1] = [60.0 + more for _ in last]
        kept.append(trial)
    settings = {**document["settings"], "seeds_as_needed": True}
    return {**of_trials(document, kept), "seeds": [0, 1, 2], "settings": settings}


def test_an_order_with_one_lucky_seed_is_not_the_best_and_more_trials_decide(summary: Document) -> None:
    document = with_seeds_as_needed(summary)
    best, lucky, worst = order_rows(typed(document))
    assert [row.seeds for row in (best, lucky, worst)] == [3, 1, 1]
    assert lucky.score > best.score > worst.score
    assert lucky.gap.difference == pytest.approx(0.1)  # over the seed that both have
    said = headline(typed(document))
    assert said.startswith(f"Best: {' > '.join(best.order)} (val 60.0 ± ")
    assert "over 3 seeds" in said
    assert said.endswith("to decide: --trials 10")
    assert [row.seeds for row in order_scores(typed(document))] == [3, 1, 1]
