"""A run reproduced as its user does it: in a clean storage, from what was recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas.cli import main
from atlas.tracking import default_tracking_uri
from atlas.tracking.mlflow.address import connect
from tests.e2e.commands import ROOT, SMALL, WAIT, environment, run
from tests.e2e.storages import committed, copy_of, matrices, steps_of, summaries

pytestmark = pytest.mark.slow


def reproduce(*arguments: str) -> str:
    """Run the command to its end, check that it ends well; gives what it printed."""
    command = [sys.executable, "-m", "atlas.cli", "reproduce", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=ROOT, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def report(folder: Path) -> dict[str, Any]:
    """The report of the reproduction in a storage."""
    return dict(json.loads((folder / "reproduction.json").read_text()))


@dataclass(frozen=True, kw_only=True)
class Mine:
    """A sweep with a learner of one's own: its storage, the learner's file, and its run in MLflow."""

    storage: Path
    file: Path
    run_id: str

    def again(self) -> str:
        """Reproduce it in a storage of its own; gives what is printed."""
        return reproduce(self.run_id, "--storage", str(self.storage), "--into", str(self.into))

    @property
    def into(self) -> Path:
        return self.storage.parent / "into"


@pytest.fixture(scope="module")
def mine(quiet: Path, mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Mine:
    """The sweep over one order, on data and references that are known."""
    folder = tmp_path_factory.mktemp("mine")
    storage, file = copy_of(quiet, folder / "storage", "data", "store"), folder / "mine.py"
    shutil.copy(mlflow_tables, storage)
    file.write_text((ROOT / "docs" / "own_learner.py").read_text())
    run(*SMALL, "--orders", "digits,piqa-twin", "--learner", f"{file}:SpringAdapter", "--fleets", "1", storage=storage)
    client = connect(default_tracking_uri(storage))
    experiment = client.get_experiment_by_name("atlas")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id], "tags.`atlas.kind` = 'sweep'")
    return Mine(storage=storage, file=file, run_id=found.info.run_id)


def test_a_run_is_learnt_again_in_a_clean_storage_to_the_last_bit(mine: Mine) -> None:
    before = committed(mine.storage)
    assert "equal (tolerance 0 points)" in mine.again()
    assert committed(mine.storage) == before
    told = report(mine.into)
    assert (told["equal"], told["largest"], told["tolerance"]["points"], told["differences"]) == (True, 0, 0, [])
    (first,), (second,) = summaries(mine.storage), summaries(mine.into)
    assert matrices(first) == matrices(second)
    assert committed(mine.into).keys() == steps_of(first)
    assert second["ledger"]["steps_trained"] == first["ledger"]["steps_trained"] > 0


def test_a_learner_of_ones_own_whose_file_was_changed_or_has_gone_is_refused(
    mine: Mine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "ATLAS_STORAGE"):
        monkeypatch.delenv(name, raising=False)

    def refused() -> str:
        with pytest.raises(SystemExit) as ended:
            main(["reproduce", mine.run_id, "--storage", str(mine.storage), "--into", str(mine.into)])
        assert ended.value.code == 2
        return capsys.readouterr().err

    mine.file.write_text(mine.file.read_text().replace("strength: float = 1.0", "strength: float = 2.0"))
    assert "was changed since the run: sha256 recorded" in refused()
    mine.file.unlink()
    assert "name its file: --learner FILE.py:NAME" in refused()
