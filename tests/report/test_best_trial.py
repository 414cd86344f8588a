from __future__ import annotations

from typing import Any

import numpy as np

from atlas.report import leaderboard
from atlas.report.best_trial import best_trial
from atlas.report.objective import AVERAGE
from atlas.report.order_rows import order_rows
from atlas.report.sections.header import header_section
from tests.report.conftest import Document, typed


def lucky(document: Document) -> Document:
    """The sweep over two seeds: the last order has the best walk of all, and by its other one it is the worst."""
    last = len(document["trials"]) - 1
    walks: list[dict[str, Any]] = []
    for number, walk in enumerate(document["trials"]):
        for seed, place in ((1, 0.5 if number < last else 0.9), (2, 0.5 if number < last else 0.01)):
            R = {
                split: {
                    route: [[score and 90 * place + number / 10 for score in row] for row in rows]
                    for route, rows in routes.items()
                }
                for split, routes in walk["R"].items()
            }
            walks.append({**walk, "id": f"{walk['id']}.{seed}", "seed": seed, "R": R, "metrics": {}})
    return {**document, "seeds": [1, 2], "trials": walks, "best": None, "orders": []}


def test_over_several_seeds_the_best_trial_is_of_the_order_that_ranks_first(summary: Document) -> None:
    found = typed(lucky(summary))
    first = order_rows(found)[0].order
    assert leaderboard(found)[0].order == found.trials[-1].order != first
    best = best_trial(found, AVERAGE)
    assert best is not None
    assert found.trial(best.trial).order == first


def test_with_one_seed_it_is_the_first_of_the_leaderboard(summary: Document) -> None:
    found = typed(summary)
    best = best_trial(found, AVERAGE)
    assert best is not None
    assert best.trial == leaderboard(found)[0].trial


def test_without_a_finished_trial_there_is_none(summary: Document) -> None:
    assert best_trial(typed({**summary, "trials": [], "orders": [], "best": None}), AVERAGE) is None


def test_the_page_is_headed_by_the_mean_of_the_first_order(summary: Document) -> None:
    found = typed(lucky(summary))
    tile = header_section(found, leaderboard(found)).tiles[1]
    tests = [walk.R["test"]["latest"][-1] for walk in found.trials if walk.order == order_rows(found)[0].order]
    assert tile.figure == f"{np.mean([score for row in tests for score in row if score is not None]):.1f} %"
    assert "the mean of 2 seeds" in tile.meaning
