"""The benchmark of searches: its worlds, and when an order counts as known."""

from __future__ import annotations

import json
import math
from itertools import permutations
from pathlib import Path

import pytest

from benchmarks.record_table import written
from benchmarks.search import SEARCHES, Row, draw_picture, steps_until_known
from benchmarks.worlds import Synthetic, recorded_worlds

TABLES = sorted((Path(__file__).resolve().parents[2] / "benchmarks" / "tables").glob("*.json"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_has_the_scores_after_every_prefix_of_every_order(path: Path) -> None:
    worlds = recorded_worlds(path)
    assert len(worlds) >= 1
    for world in worlds:
        prefixes = {order[: place + 1] for order in permutations(world.tasks) for place in range(len(order))}
        assert set(world.rows) == prefixes
        assert all(len(row) == len(prefix) for prefix, row in world.rows.items())
        assert all(0 <= score <= 100 for row in world.rows.values() for score in row)
        assert world.extremes[0] < world.extremes[1]
    table = json.loads(path.read_text())
    assert table["command"].startswith("python benchmarks/record_table.py")
    assert json.loads(written(table)) == table


def test_a_landscapes_best_is_that_of_all_orders_and_climbs_find_it() -> None:
    world = Synthetic(("a", "b", "c", "d", "e"), seed=2)
    values = [world.value(order) for order in permutations(world.tasks)]
    assert world.extremes == pytest.approx((min(values), max(values)))
    assert (-world._climbed(-1.0), world._climbed(1.0)) == pytest.approx(world.extremes)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_knows_the_best_of_six_orders_once_it_has_tried_all(name: str) -> None:
    """Three tasks have 15 distinct prefixes; one that is never tried is not known."""
    steps = steps_until_known(name, Synthetic(("a", "b", "c"), seed=1), seed=0, noise=0.0, budget=15)
    assert 3 <= steps <= 15 or name in ("random", "TPE, Lehmer digits", "TPE, random keys")


def test_a_median_of_searches_that_mostly_never_know_is_infinite(tmp_path: Path) -> None:
    rows = [
        Row(world="6 tasks", noise=0.0, search="random", budget=400, steps=(300.0, math.inf, math.inf)),
        Row(world="6 tasks", noise=0.0, search="Gaussian process", budget=400, steps=(30.0, 40.0, 50.0)),
    ]
    assert [row.median for row in rows] == [math.inf, 40.0]
    assert rows[0].columns()[-1] == "1/3"
    draw_picture(rows, tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").stat().st_size > 1000
