"""The benchmark of searches: its worlds, and when an order counts as known."""

from __future__ import annotations

import json
import math
from itertools import permutations
from pathlib import Path

import pytest

from benchmarks.record_table import written
from benchmarks.search import SEARCHES, Row, draw_picture, steps_until_known
from benchmarks.worlds import Recorded, Synthetic, recorded_worlds

TABLES = sorted((Path(__file__).resolve().parents[2] / "benchmarks" / "tables").glob("*.json"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_has_the_scores_after_every_prefix_of_every_order(path: Path) -> None:
    worlds = recorded_worlds(path)
    assert len(worlds) >= 1
    for world in worlds:
        prefixes = {order[: place + 1] for order in permutations(world.tasks) for place in range(len(order))}
        assert set(world.rows) == prefixes
        assert {len(rows) for rows in world.rows.values()} == {world.replicates}
        assert all(len(row) == len(prefix) for prefix, rows in world.rows.items() for row in rows)
        assert all(0 <= score <= 100 for rows in world.rows.values() for row in rows for score in row)
        assert world.extremes[0] < world.extremes[1]
    table = json.loads(path.read_text())
    assert table["command"].startswith("python benchmarks/record_table.py")
    assert json.loads(written(table)) == table


def test_the_truth_of_a_table_is_the_mean_of_its_seeds_and_a_training_one_of_them() -> None:
    (world,) = recorded_worlds(TABLES[0].with_name("four.json"))
    order = world.tasks
    first, second = (sum(row) / 4 for row in world.rows[order])
    assert world.value(order) == pytest.approx((first + second) / 2) == pytest.approx(sum(world.scores(order)) / 4)
    drawn = [world.drawn(order, 1.0, search=search, replicate=replicate) for search in (0, 1) for replicate in (0, 1)]
    assert [sum(row) / 4 for row in drawn] == pytest.approx([first, second, second, first])
    assert 0.1 < world.noise < 5.0


def test_a_search_of_single_seeds_trains_no_step_of_a_seed_twice() -> None:
    """Three tasks have 15 prefixes, and 30 with two seeds; a search that has tried all of them knows the best."""
    prefixes = {order[:length]: length for order in permutations("abc") for length in (1, 2, 3)}
    rows = {
        prefix: [[50.0 + len(prefix) * prefix.index(one) + seed for one in prefix] for seed in (0, 1)]
        for prefix in prefixes
    }
    world = Recorded(("a", "b", "c"), rows)
    steps = steps_until_known("Gaussian process", world, seed=0, noise=1.0, budget=40)
    assert 3 <= steps <= 30


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
