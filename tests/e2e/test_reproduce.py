"""A run reproduced as its user does it: in a clean storage, from what was recorded."""

from __future__ import annotations

import json
import subprocess
import sys
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


@pytest.fixture(scope="module")
def again(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of the quiet sweep's reproduction, asked for by the id of its run in MLflow."""
    client = connect(default_tracking_uri(quiet))
    experiment = client.get_experiment_by_name("atlas")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`atlas.kind` = 'sweep'")
    before = committed(quiet)
    into = tmp_path_factory.mktemp("again") / "into"
    said = reproduce(run.info.run_id, "--storage", str(quiet), "--into", str(into), code=0)
    assert "equal (tolerance 0 points)" in said
    assert committed(quiet) == before
    return into


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "reproduction.json").read_text()))


def test_a_sweep_is_learnt_again_in_a_clean_storage_to_the_last_bit(quiet: Path, again: Path) -> None:
    (first,), (second,) = summaries(quiet), summaries(again)
    assert matrices(first) == matrices(second)
    assert second["ledger"]["steps_trained"] == first["ledger"]["steps_trained"]
    assert committed(again).keys() == committed(quiet).keys()
    found = report(again)
    assert (found["equal"], found["largest"], found["tolerance"]["points"], found["differences"]) == (True, 0, 0, [])
    assert len(found["compared"]) == 2 * 4 + 3 * 2  # walks × splits × routes, and three references × splits


def test_a_score_that_was_altered_is_reported_as_different(quiet: Path, again: Path, tmp_path: Path) -> None:
    """It goes on in the storage of the reproduction, whose steps are those that it would learn."""
    (summary,) = summaries(quiet)
    scores = summary["trials"][0]["R"]["test"]["latest"][1]
    scores[0] += 5.0 if scores[0] <= 95 else -5.0
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps(summary))
    told = tmp_path / "told.json"
    said = reproduce(str(altered), "--into", str(again), "--report", str(told), code=1)
    assert "DIFFERENT in 1 of 14 groups" in said
    (wrong,) = [one for one in json.loads(told.read_text())["compared"] if not one["equal"]]
    assert (wrong["split"], wrong["route"], wrong["missing"]) == ("test", "latest", 0)
    assert wrong["difference"] == pytest.approx(5.0)
    assert wrong["what"].startswith(" > ".join(summary["trials"][0]["order"]))


@pytest.fixture
def mine(learnt: Path, tmp_path: Path) -> tuple[str, Path]:
    """A sweep with a learner of one's own over one order, on data and references that are known: its id, its file."""
    file = tmp_path / "mine.py"
    file.write_text((ROOT / "docs" / "own_learner.py").read_text())
    own = ("--orders", "digits,piqa-twin", "--learner", f"{file}:SpringAdapter", "--fleets", "1")
    run(*SMALL, *own, storage=learnt)
    (summary,) = summaries(learnt)
    return summary["sweep"]["id"], file


def test_a_learner_of_ones_own_is_run_again_from_its_file_as_long_as_that_is_as_it_was(
    mine: tuple[str, Path], tmp_path: Path
) -> None:
    sweep, file = mine
    arguments = (sweep, "--storage", str(tmp_path / "storage"), "--into", str(tmp_path / "into"))
    assert "equal (tolerance 0 points)" in reproduce(*arguments, code=0)
    assert report(tmp_path / "into")["largest"] == 0
    file.write_text(file.read_text().replace("strength: float = 1.0", "strength: float = 2.0"))
    assert "was changed since the run: sha256 recorded" in reproduce(*arguments, code=2)
    file.unlink()
    assert "name its file: --learner FILE.py:NAME" in reproduce(*arguments, code=2)
