from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import atlas
from atlas.report.settings import setting_rows
from atlas.report.tables import leaderboard, matrix
from atlas.storage.filesystem import StoragePath
from tests.read_only import read_only as readable
from tests.report.conftest import invented_summary, settings_summary, typed
from tests.results.conftest import SWEEP


@pytest.fixture
def result(ended_storage: Path) -> atlas.SweepResult:
    return atlas.open(SWEEP, storage=ended_storage)


def invented(**changed: object) -> atlas.SweepResult:
    """The result of the invented sweep of 24 orders, its document changed."""
    summary = typed({**invented_summary(), **changed})
    return atlas.SweepResult(summary=summary, storage=StoragePath.at("/nowhere"), folder=Path("/nowhere"))


@pytest.fixture
def read_only(ended_storage: Path) -> Iterator[Path]:
    """The storage, which may only be read."""
    with readable(ended_storage):
        yield ended_storage


def test_the_best_and_the_trials_are_those_of_the_leaderboard(result: atlas.SweepResult) -> None:
    rows = leaderboard(result.summary)
    assert [trial.id for trial in result.trials] == [row.trial for row in rows]
    assert result.best == result.trials[0]
    assert (result.best.order, result.best.val, result.best.test) == (rows[0].order, rows[0].val, rows[0].test)
    assert (result.id, result.status, result.question) == (SWEEP, "FINISHED", "Which order?")


def test_a_data_frame_has_a_row_a_walk_best_first(result: atlas.SweepResult) -> None:
    table = result.dataframe()
    assert list(table.index) == [trial.id for trial in result.trials]
    assert list(table["place"]) == [1, 2]
    assert set(table["order"]) == {"digits > easy-vqa", "easy-vqa > digits"}
    assert list(table["test"]) == [trial.test for trial in result.trials]
    wide = result.dataframe(metrics=True)
    assert set(table.columns) < set(wide.columns)
    assert list(wide["test/latest/average_accuracy"]) == list(table["test"])
    assert "<table" in result._repr_html_()


def test_settings_are_columns_and_means_are_taken_within_them() -> None:
    document = invented_summary(2)
    first, second = document["trials"]
    rows = [
        {**first, "id": "a", "settings": {"rank": 4, "weights": [1.0, 2.0]}},
        {**first, "id": "b", "settings": {"rank": 4, "weights": [1.0, 2.0]}, "seed": 2},
        {**second, "id": "c", "settings": {"rank": 8, "seed": "fixed"}},
        {**second, "id": "d", "settings": {"rank": 8, "seed": None}, "seed": 2, "status": "FAILED"},
    ]
    found = invented(trials=rows, orders=[], best=None)
    table = found.dataframe()
    assert table.loc["a", "weights"] == "[1.0, 2.0]"
    assert list(table["rank"].loc[["a", "b", "c", "d"]]) == [4, 4, 8, 8]  # the adapters', not the places
    assert math.isnan(table["place"]["d"])
    assert list(table["settings.seed"].dropna()) == ["fixed"]
    orders = found.orders()
    assert {(row["rank"], row["walks"]) for _, row in orders.iterrows()} == {(4, 2), (8, 1)}


def test_orders_have_the_final_scores_of_each_task() -> None:
    found = invented()
    table = found.orders()
    assert len(table) == 24
    assert list(table["val"]) == sorted(table["val"], reverse=True)
    best = table.iloc[0]
    assert tuple(best["order"].split(" > ")) == found.best.order
    R = found.R()
    for task in found.best.order:
        assert best[task] == pytest.approx(R.iloc[-1][task])
    own = found.orders(route="own")
    assert own.iloc[0][found.best.order[0]] != best[found.best.order[0]]


def test_a_settings_sweep_has_a_row_a_setting_best_first() -> None:
    found = atlas.SweepResult(
        summary=typed(settings_summary()), storage=StoragePath.at("/nowhere"), folder=Path("/nowhere")
    )
    table, rows = found.settings(), setting_rows(found.summary)
    assert len(table) == len(rows) > 2
    assert list(table["val"]) == [row.val.value for row in rows]
    names = set(table.columns) - {"val", "test", "worst", "spread", "orders", "seeds"}
    assert {name: table[name][0] for name in names if rows[0].values.get(name) is not None} == dict(rows[0].values)


def test_an_accuracy_matrix_has_its_tasks_as_labels(result: atlas.SweepResult) -> None:
    for trial in result.trials:
        found = result.R(trial.id, split="val", route="own")
        assert np.array_equal(found.to_numpy(), matrix(result.summary.trial(trial.id), "val", "own"), equal_nan=True)
        assert tuple(found.index) == tuple(found.columns) == trial.order
    assert result.R().equals(result.R(result.best.id, split="test", route="latest"))


def test_what_is_not_there_is_refused_in_one_line(result: atlas.SweepResult) -> None:
    with pytest.raises(atlas.UserError, match=r"unknown trial of the sweep .* Did you mean 'trial-0'"):
        result.R("trial-00")
    with pytest.raises(atlas.UserError, match=r"unknown split 'tset'. Did you mean 'test'"):
        result.R(split="tset")
    with pytest.raises(atlas.UserError, match="unknown route 'last'"):
        result.orders(route="last")
    nothing = invented(trials=[], orders=[], best=None)
    with pytest.raises(atlas.UserError, match="no trial of the sweep .* finished"):
        _ = nothing.best
    assert len(nothing.dataframe()) == len(nothing.orders()) == 0


def test_nothing_is_written_to_a_storage_that_may_only_be_read(read_only: Path) -> None:
    before = {str(path): path.stat().st_mtime_ns for path in read_only.rglob("*")}
    found = atlas.open(SWEEP, storage=read_only)
    assert len(found.dataframe()) == 2
    assert found.model().order == found.best.order
    assert {str(path): path.stat().st_mtime_ns for path in read_only.rglob("*")} == before
