from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.learners import TwoStage, learner_from
from benchmarks.tuned import STEPS, TABLE, VARIANTS, with_row
from benchmarks.tuned_table import differences, in_words, read_rows, settings_of

ORDERS = [",".join(order) for order in itertools.permutations("abc")]


def walk(order: str, seed: int, level: float) -> dict[str, Any]:
    """A walk that ends at `level` on every task, and forgot two points of each."""
    rows = [[level + 2] * (place + 1) for place in range(2)]
    return {"order": order, "seed": seed, "latest": [*rows, [level] * 3], "own": [level + 3] * 3}


def table(levels: dict[str, float]) -> dict[str, Any]:
    """A table of learners, each a tenth of a point better in every next order, and ten worse in the first one."""
    rows = [
        {
            "set": "letters",
            "learner": name,
            "walks": [
                walk(order, seed, level + place / 10 if place else 0.0)
                for place, order in enumerate(ORDERS)
                for seed in (0, 1)
            ],
        }
        for name, level in levels.items()
    ]
    return {"tuned_on": [ORDERS[0]], "rows": rows}


def test_rows_are_of_the_orders_that_none_was_tuned_on_best_first() -> None:
    rows = read_rows(table({"atlas": 50.0, "atlas-normalised": 60.0}), "letters")
    assert [row.learner for row in rows] == ["atlas-normalised", "atlas"]
    assert rows[1].of("latest") == pytest.approx([50.1, 50.2, 50.3, 50.4, 50.5])
    assert rows[1].of("forgetting") == pytest.approx([2.0] * 5)
    assert rows[1].disparity() == pytest.approx(0.4)
    assert rows[1].line() == "| atlas | 50.3 (50.1 to 50.5) | 53.3 (53.1 to 53.5) | 2.0 | 0.4 |"


def test_differences_are_paired_by_order() -> None:
    rows = read_rows(table({"atlas": 50.0, "atlas-normalised": 60.0}), "letters")
    assert list(differences(rows)) == ["| atlas-normalised − atlas | +10.0 | 0.0625 |"]


def test_a_mean_of_equal_values_has_no_interval() -> None:
    assert in_words([71.0, 71.0, 71.0]) == "71.0"


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_as_many_updates_as_what_they_vary(name: str) -> None:
    base = learner_named("atlas-normalised", Options.of(steps=STEPS).training)
    learner = learner_from(VARIANTS[name](base.settings()))
    assert sum(stage.schedule.steps or 0 for stage in learner.stages(1)) == 2 * STEPS
    assert isinstance(getattr(learner, "like", learner), TwoStage)


def test_a_set_that_is_walked_again_stays_before_the_second_one() -> None:
    rows = [{"set": name, "learner": "atlas", "walks": [1]} for name in ("default", "twins")]
    again = {"set": "default", "learner": "atlas", "walks": [2]}
    assert with_row(rows, again) == [again, rows[1]]


def test_the_settings_of_a_row_are_what_tuned_takes() -> None:
    recorded = json.loads(TABLE.read_text())
    text = settings_of(recorded, "normalised, stages 1:1")
    assert learner_named("atlas-normalised", Options.of(tuned=text).training).settings() == json.loads(text)
    with pytest.raises(SystemExit, match="--settings is 'ewc'; the table has atlas, "):
        settings_of(recorded, "ewc")


def test_the_published_table_has_every_order_with_three_seeds() -> None:
    recorded = json.loads(TABLE.read_text())
    walks = {
        (row["set"], row["learner"]): [(walk["order"], walk["seed"]) for walk in row["walks"]]
        for row in recorded["rows"]
    }
    assert recorded["rows"][0]["set"] == "default"
    assert {name: len(set(cells)) for (name, _), cells in walks.items()} == {"default": 72, "twins": 18}
    assert len(walks) == 22
