"""A run reproduced as its user does it: in a clean storage, from what was recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import default_tracking_uri
from atlas.tracking.mlflow.address import connect
from tests.e2e.commands import ROOT, SMALL, WAIT, environment, run
from tests.e2e.storages import committed, matrices, summaries

pytestmark = pytest.mark.slow


def reproduce(*arguments: str, code: int) -> str:
    """Run the command to its end, check its exit code; gives what it printed."""
    command = [sys.executable, "-m", "atlas.cli", "reproduce", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=ROOT, env=environment())
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def report(folder: Path) -> dict[str, Any]:
    """The report of the reproduction in a storage."""
    return dict(json.loads((folder / "reproduction.json").read_text()))


@dataclass(frozen=True, kw_only=True)
class Again:
    """A reproduction of the quiet sweep, in whose record one score of the trial with that order was altered."""

    into: Path
    said: str
    order: list[str]


@pytest.fixture(scope="module")
def again(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Again:
    """The quiet sweep learnt again in a clean storage; its record says 5 points more or less at one place."""
    (summary,) = summaries(quiet)
    scores = summary["trials"][0]["R"]["test"]["latest"][1]
    scores[0] += 5.0 if scores[0] <= 95 else -5.0
    folder = tmp_path_factory.mktemp("again")
    (folder / "altered.json").write_text(json.dumps(summary))
    said = reproduce(str(folder / "altered.json"), "--into", str(folder / "into"), code=1)
    return Again(into=folder / "into", said=said, order=summary["trials"][0]["order"])


def test_a_sweep_is_learnt_again_in_a_clean_storage_to_the_last_bit(quiet: Path, again: Again) -> None:
    (first,), (second,) = summaries(quiet), summaries(again.into)
    assert matrices(first) == matrices(second)
    assert second["ledger"]["steps_trained"] == first["ledger"]["steps_trained"]
    assert committed(again.into).keys() == committed(quiet).keys()
    assert [one["difference"] for one in report(again.into)["compared"] if one["equal"]] == [0] * 13


def test_a_score_that_was_altered_is_reported_as_different(again: Again) -> None:
    assert "DIFFERENT in 1 of 14 groups" in again.said  # 2 walks × splits × routes, and 3 references × splits
    (wrong,) = [one for one in report(again.into)["compared"] if not one["equal"]]
    assert (wrong["split"], wrong["route"], wrong["missing"]) == ("test", "latest", 0)
    assert wrong["difference"] == pytest.approx(5.0)
    assert wrong["what"].startswith(" > ".join(again.order))


@pytest.fixture
def mine(learnt: Path, tmp_path: Path) -> tuple[str, Path]:
    """A sweep with a learner of one's own over one order, on data and references that are known.

    Gives the id of its run in MLflow, and its file.
    """
    file = tmp_path / "mine.py"
    file.write_text((ROOT / "docs" / "own_learner.py").read_text())
    own = ("--orders", "digits,piqa-twin", "--learner", f"{file}:SpringAdapter", "--fleets", "1")
    run(*SMALL, *own, storage=learnt)
    client = connect(default_tracking_uri(learnt))
    experiment = client.get_experiment_by_name("atlas")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id], "tags.`atlas.kind` = 'sweep'")
    return found.info.run_id, file


def test_a_learner_of_ones_own_is_run_again_from_its_file_as_long_as_that_is_as_it_was(
    mine: tuple[str, Path], tmp_path: Path
) -> None:
    run_id, file = mine
    storage, into = tmp_path / "storage", tmp_path / "into"
    before = committed(storage)
    arguments = (run_id, "--storage", str(storage), "--into", str(into))
    assert "equal (tolerance 0 points)" in reproduce(*arguments, code=0)
    assert committed(storage) == before
    told = report(into)
    assert (told["equal"], told["largest"], told["tolerance"]["points"], told["differences"]) == (True, 0, 0, [])
    file.write_text(file.read_text().replace("strength: float = 1.0", "strength: float = 2.0"))
    assert "was changed since the run: sha256 recorded" in reproduce(*arguments, code=2)
    file.unlink()
    assert "name its file: --learner FILE.py:NAME" in reproduce(*arguments, code=2)
