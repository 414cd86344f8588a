"""A storage of an earlier version: its steps are used, its sweeps are resumed, its summaries draw."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from atlas.cli import main
from tests.e2e.commands import run, sweep_told
from tests.e2e.storages import committed, matrices, summaries

OPTIONS = ("--smoke", "--rank", "2", "--steps", "2", "--evaluate", "16", "16")  # of its sweep
SAMPLE = Path(__file__).parent / "older" / "storage.tar.xz"

pytestmark = pytest.mark.slow


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The storage as the earlier version left it, on another path than it was written at."""
    with tarfile.open(SAMPLE) as sample:
        sample.extractall(tmp_path / "storage", filter="data")
    return tmp_path / "storage"


def test_a_new_sweep_of_the_same_options_has_nothing_to_train(older: Path) -> None:
    assert "nothing to train" in sweep_told(*OPTIONS, "--dry-run", storage=older)


def test_its_interrupted_sweep_is_resumed_from_its_steps_and_nothing_is_trained(older: Path) -> None:
    (then,) = summaries(older)
    folder = older / "sweeps" / then["sweep"]["id"]
    for name in ("summary.json", "spool/events.jsonl", "spool/position"):
        (folder / name).unlink()
    before = committed(older)
    run("--resume", then["sweep"]["id"], storage=older)
    assert committed(older) == before
    (now,) = summaries(older)
    assert now["sweep"]["id"] == then["sweep"]["id"]
    assert now["settings"]["storage"] == str(older)  # where it is now, not where it was begun
    assert {trial["status"] for trial in now["trials"]} == {"FINISHED"}
    assert matrices(now) == matrices(then)
    assert now["references"] == then["references"]
    assert keys_of(now) == keys_of(then)


def keys_of(summary: dict[str, Any]) -> set[tuple[str, ...]]:
    """The keys of every trial's steps."""
    return {tuple(trial["step_keys"]) for trial in summary["trials"]}


def test_its_summary_draws_and_its_store_is_whole(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (then,) = summaries(older)
    main(["report", then["sweep"]["id"], "--storage", str(older)])
    assert Path(capsys.readouterr().out.strip()).read_text().count("<svg") > 2
    main(["store", "verify", "--storage", str(older)])
    assert "10" in capsys.readouterr().out
