"""The paper's experiment on the twins: eight tasks, from preparing to the report."""

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
SMOKE = ("--twins", "--smoke", "--fleets", "1", "--batch-size", "8")
UPSTREAM = {"snli-ve-twin", "piqa-twin", "inaturalist-twin", "vqa-twin"}
DOWNSTREAM = {"vcr-twin", "commonsense-qa-twin", "places365-twin", "nlvr2-twin"}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one small run."""
    made = tmp_path_factory.mktemp("paper")
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
    assert "nothing to train" in sweep_told(*SMOKE, "--dry-run", storage=storage, sweep="paper")


def test_they_are_a_table_in_the_terminal(storage: Path) -> None:
    assert "Few-shot learning of unseen tasks" in (storage / PRINTED).read_text()


def test_published_files_are_prepared_once_and_then_found_by_name(tmp_path: Path) -> None:
    sizes = Sizes(train=200, val=40, test=40)
    given = []
    for twin in TWINS.values():
        twin.write_raw(tmp_path / "raw" / twin.sister, sizes)
        given.append(f"{twin.sister}={tmp_path / 'raw' / twin.sister}")
    storage = tmp_path / "storage"
    names = [twin.sister for twin in TWINS.values()]
    told("prepare", *names, "--source", *given, "--storage", str(storage))
    shutil.rmtree(tmp_path / "raw")
    planned = sweep_told("--smoke", "--dry-run", storage=storage, sweep="paper")
    assert "snli-ve, piqa, inaturalist, vqa" in planned
    for name in names:
        (card,) = storage.glob(f"data/{name}/*/card.json")
        assert sum(json.loads(card.read_text())["counts"].values()) > 200
