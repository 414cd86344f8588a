"""A sweep on a store with damaged entries, whose events go to lines of JSON: it mends the store, and ends as ever."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import StepFinished, SweepFinished, TrialFinished
from atlas.tracking.event_lines import from_line
from tests.e2e.commands import SMALL, lines_in, run
from tests.e2e.nodes import ray_folder
from tests.e2e.storages import committed, copy_of, matrices, steps_of, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Mended:
    """The sweep's storage, summary, events' folder, Ray's logs and what it printed, and the keys of damaged steps."""

    storage: Path
    summary: dict[str, Any]
    lines: Path
    logs: Path
    printed: str
    altered: tuple[str, str]


@pytest.fixture(scope="module")
def mended(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mended]:
    """The quiet sweep walked again: of its store an entry is altered, one is cut short and one has lost its marker."""
    folder, logs = tmp_path_factory.mktemp("damage"), ray_folder()
    storage = copy_of(quiet, folder / "storage", "data", "store")
    altered = damage(storage / "store", summaries(quiet)[0]["trials"])
    done = run(*SMALL, "--fleets", "1", *lines_in(folder), storage=storage, RAY_TMPDIR=str(logs))
    (summary,) = summaries(storage)
    yield Mended(
        storage=storage, summary=summary, lines=folder / "lines", logs=logs, printed=done.stdout, altered=altered
    )
    shutil.rmtree(logs, ignore_errors=True)


def damage(store: Path, trials: list[dict[str, Any]]) -> tuple[str, str]:
    """Damage three entries; gives the keys of those that are there still."""
    first, last, short = trials[0]["step_keys"][0], trials[0]["step_keys"][-1], trials[1]["step_keys"][-1]
    for path in store.glob(f"steps/*/{first}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:-4] + b"oops")
    for path in store.glob(f"steps/*/{short}/*/adapter/adapter_model.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    for path in store.glob(f"steps/*/{last}/commit.json"):
        path.unlink()
    return first, short


def test_entries_altered_and_cut_short_are_found_moved_aside_and_trained_again(
    quiet: Path, mended: Mended, losses: Losses
) -> None:
    for key in mended.altered:
        assert list(mended.storage.glob(f"store/aside/{key}*"))
    assert matrices(mended.summary) == matrices(summaries(quiet)[0])
    losses.read = mended.logs
    again = losses.begun()
    assert again == 3
    losses.note("store entry altered, cut short, marker gone", begun=len(committed(quiet)) + again, lost=again)


def test_a_sweep_writes_lines_of_json_and_registers_no_model(quiet: Path, mended: Mended) -> None:
    storage, summary = mended.storage, mended.summary
    assert matrices(summary) == matrices(summaries(quiet)[0])
    (file,) = mended.lines.iterdir()
    assert file.name == f"{summary['sweep']['id']}.jsonl"
    assert f"see the runs: {file}" in mended.printed
    assert "has no model registry" in mended.printed
    assert not list(storage.glob("**/mlflow.db"))
    events = [from_line(line) for line in file.read_bytes().splitlines()]
    steps = [event.key for event in events if isinstance(event, StepFinished)]
    assert len(steps) == len(set(steps))
    assert set(steps) == steps_of(summary) <= set(committed(storage))
    assert [event.status for event in events if isinstance(event, TrialFinished)] == ["FINISHED", "FINISHED"]
    end = events[-1]
    assert isinstance(end, SweepFinished)
    assert end.status == "FINISHED"
    assert end.metrics["best/val/average_accuracy"] == pytest.approx(summary["best"]["val"])
    run(*SMALL, "--resume", storage=storage, code=2)  # the journal is settled: nothing is left to resume
