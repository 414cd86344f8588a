"""The paper's experiment: eight tasks from their published files, written by the twins, to the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from atlas.report.summary import BARE, summary_from
from atlas.tasks.twins import TWINS, Sizes
from tests.e2e.commands import PRINTED, run, sweep_told, told
from tests.e2e.storages import committed, summaries

pytestmark = pytest.mark.slow
SMOKE = ("--smoke", "--fleets", "1", "--batch-size", "8")
UPSTREAM = {"snli-ve", "piqa", "inaturalist", "vqa"}
DOWNSTREAM = {"vcr", "commonsense-qa", "places365", "nlvr2"}
SIZES = Sizes(train=200, val=40, test=40)


@pytest.fixture(scope="module")
def storage(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one small run, for which the published files were prepared that are there no more."""
    made, raw = tmp_path_factory.mktemp("paper"), tmp_path_factory.mktemp("raw")
    given = []
    for twin in TWINS.values():
        twin.write_raw(raw / twin.sister, SIZES)
        given.append(f"{twin.sister}={raw / twin.sister}")
    told("prepare", *UPSTREAM, *DOWNSTREAM, "--source", *given, "--storage", str(made))
    shutil.rmtree(raw)
    shutil.copy(mlflow_tables, made)
    done = run(*SMOKE, storage=made, sweep="paper")
    (made / PRINTED).write_text(done.stdout)
    return made


@pytest.fixture
def summary(storage: Path) -> dict[str, Any]:
    return summaries(storage)[0]


def test_all_eight_tasks_are_learnt_and_reported(summary: dict[str, Any], storage: Path) -> None:
    summary_from(summary, "the summary")
    assert summary["sweep"]["status"] == "FINISHED"
    assert {task for trial in summary["trials"] for task in trial["order"]} == UPSTREAM
    assert {row["task"] for row in summary["downstream"]} == DOWNSTREAM
    folder = storage / "sweeps" / summary["sweep"]["id"]
    assert "Does an order help unseen tasks?" in (folder / "report.html").read_text()
    assert (folder / "downstream.png").stat().st_size > 10_000


def test_every_unseen_task_is_learnt_from_every_order_and_from_the_bare_backbone(summary: dict[str, Any]) -> None:
    ways = {(row["trial"], row["task"], row["way"]) for row in summary["downstream"]}
    trials = [trial["id"] for trial in summary["trials"]]
    after = {(trial, task, way) for trial in trials for task in DOWNSTREAM for way in ("experience", "both")}
    bare = {(BARE, task, way) for task in DOWNSTREAM for way in ("experience", "both", "head")}
    assert ways == after | bare


def test_downstream_steps_are_steps_of_the_store_which_are_not_trained_again(storage: Path) -> None:
    assert sum(marker["facts"]["step"]["downstream"] for marker in committed(storage).values()) == 28
    planned = sweep_told(*SMOKE, "--dry-run", storage=storage, sweep="paper")
    assert "nothing to train" in planned
    assert "snli-ve, piqa, inaturalist, vqa" in planned


def test_they_are_a_table_in_the_terminal(storage: Path) -> None:
    assert "Few-shot learning of unseen tasks" in (storage / PRINTED).read_text()


def test_the_published_files_were_read_whole(storage: Path) -> None:
    for name in UPSTREAM | DOWNSTREAM:
        (card,) = storage.glob(f"data/{name}/*/card.json")
        assert sum(json.loads(card.read_text())["counts"].values()) > SIZES.train
