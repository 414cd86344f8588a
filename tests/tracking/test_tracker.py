from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError, UserError
from atlas.tracking import (
    Event,
    Server,
    StepFinished,
    SweepStarted,
    Tracker,
    TrialFinished,
    TrialStarted,
    check_tracking,
    find_step_runs,
)
from atlas.tracking.mlflow.address import connect, database_file
from tests.forks import Forks
from tests.line import line_to
from tests.losses import Losses
from tests.ports import lasting_port
from tests.tracking.walks import STEPS, record, two_trials


def shown(uri: str, experiment: str) -> dict[str, Any]:
    """Key → (status, points of each curve) of every run; fails where two have one key."""
    client = connect(uri)
    known = client.get_experiment_by_name(experiment)
    found = client.search_runs([known.experiment_id])
    runs = {
        run.data.tags["atlas.key"]: (
            run.info.status,
            {name: len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics},
        )
        for run in found
    }
    assert len(runs) == len(found)
    return runs


def expect_whole(uri: str, experiment: str) -> None:
    runs = shown(uri, experiment)
    assert set(runs) == {"sweep/s1", "trial/s1/t1", "trial/s1/t2", *STEPS}
    assert {status for status, _ in runs.values()} == {"FINISHED"}
    assert runs["trial/s1/t2"][1] == {"val/average": 2, "final": 1}
    assert {runs[key][1]["train/loss"] for key in STEPS} == {50}


def test_recorded_events_arrive(
    open_tracker: Callable[..., Tracker], step: Callable[..., StepFinished], initialised: str, tmp_path: Path
) -> None:
    tracker = open_tracker()
    record(tracker, step)
    assert tracker.flush(60)
    assert tracker.pending == 0
    assert tracker.problems == []
    expect_whole(initialised, tmp_path.name)
    assert set(find_step_runs(initialised, tmp_path.name, ["k1", "k2", "absent"])) == {"k1", "k2"}
    assert tracker.close()


def test_two_trackers_that_record_the_same_leave_one_run_each(
    open_tracker: Callable[..., Tracker], step: Callable[..., StepFinished], initialised: str, tmp_path: Path
) -> None:
    first, second = open_tracker(), open_tracker(spool="another")
    record(first, step)
    record(second, step)
    assert first.flush(60)
    assert second.flush(60)
    runs = shown(initialised, tmp_path.name)
    assert set(runs) == {"sweep/s1", "trial/s1/t1", "trial/s1/t2", *STEPS}


def test_an_event_that_mlflow_refuses_is_kept_and_the_others_go_on(
    open_tracker: Callable[..., Tracker], initialised: str, tmp_path: Path
) -> None:
    tracker = open_tracker()
    tracker.record(TrialStarted(sweep="s1", trial="t1", params={"lr": 1}))
    tracker.record(TrialStarted(sweep="s1", trial="t2", params={"../lr": 2}))  # a name that leads elsewhere
    tracker.record(TrialFinished(sweep="s1", trial="t1", status="KILLED"))
    assert tracker.flush(60)
    assert len(tracker.problems) == 1
    assert json.loads((tmp_path / "spool" / "refused.jsonl").read_text())["event"]["params"] == {"../lr": 2}
    assert shown(initialised, tmp_path.name)["trial/s1/t1"][0] == "KILLED"


def test_a_damaged_line_of_the_journal_is_left_out(
    open_tracker: Callable[..., Tracker], initialised: str, tmp_path: Path
) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "events.jsonl").write_bytes(b"garbage\n")
    tracker = open_tracker()
    tracker.record(SweepStarted(sweep="s1", name="a sweep", params={}))
    assert tracker.flush(60)
    assert len(tracker.problems) == 1
    assert set(shown(initialised, tmp_path.name)) == {"sweep/s1"}


def test_a_tracker_whose_server_is_away_returns_at_once_and_keeps_everything(
    open_tracker: Callable[..., Tracker], step: Callable[..., StepFinished]
) -> None:
    tracker = open_tracker(uri=f"http://127.0.0.1:{lasting_port()}")
    record(tracker, step)
    assert not tracker.flush(0.2)
    assert not tracker.close(0.0)
    again = open_tracker(uri=f"http://127.0.0.1:{lasting_port()}")
    assert again.pending > 0


class SlowSink:
    """Takes its time over each event, and answers no question meanwhile."""

    name, address, registry = "slow", "slow:", None

    def __init__(self) -> None:
        self.taken: list[Event] = []

    def check(self, timeout: float = 0.0) -> None:
        raise UserError("no answer")

    def apply(self, event: Event) -> None:
        time.sleep(0.2)
        self.taken.append(event)

    def is_final(self, error: Exception, attempts: int) -> bool:
        return False

    def view(self, sweep: str) -> str:
        return self.address


def test_a_sink_that_only_takes_its_time_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas.tracking.tracker.STALL_SECONDS", 0.01)
    sink = SlowSink()
    tracker = Tracker(sink, tmp_path / "spool")
    tracker.record(SweepStarted(sweep="s1", name="a sweep", params={}))
    assert tracker.close(60)
    assert [event.key for event in sink.taken] == ["sweep/s1"]


@pytest.mark.slow
def test_a_database_that_another_process_keeps_locked_gets_everything_once_it_is_free(
    open_tracker: Callable[..., Tracker],
    step: Callable[..., StepFinished],
    initialised: str,
    tmp_path: Path,
    losses: Losses,
) -> None:
    """Locked before the tracker has opened it, too: nothing may count as refused."""
    program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE'); print(flush=True)"
    lock = [sys.executable, "-c", f"{program}; sys.stdin.read()", str(database_file(initialised))]
    with subprocess.Popen(lock, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locking:
        assert locking.stdin
        assert locking.stdout
        locking.stdout.readline()
        with pytest.raises(AtlasError, match="locked"):
            check_tracking(initialised, timeout=0.1)
        tracker = open_tracker()
        record(tracker, step)
        assert not tracker.flush(8.0)
        locking.stdin.close()
        freed = time.monotonic()
    assert tracker.flush(60)
    waited = time.monotonic() - freed
    assert tracker.problems == []
    expect_whole(initialised, tmp_path.name)
    losses.note("tracking database locked", begun=0, lost=0, from_its_release_until_MLflow_had_all=waited)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 3, 9, 14])
def test_a_tracker_that_was_killed_is_continued_by_the_next(
    open_tracker: Callable[..., Tracker],
    step: Callable[..., StepFinished],
    initialised: str,
    tmp_path: Path,
    forks: Forks,
    after: int,
) -> None:
    """kill -9 in the middle of a request, after the given number of requests."""
    program = f"""
import os, signal
import mlflow.tracking.client as client
from pathlib import Path
from atlas.tracking import Tracker
count = [0]
def counted(verb):
    def call(*a, **k):
        answer = verb(*a, **k)
        count[0] += 1
        if count[0] > {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return call
for name in ("create_run", "log_batch", "log_inputs", "log_artifacts", "set_terminated"):
    setattr(client.MlflowClient, name, counted(getattr(client.MlflowClient, name)))
from atlas.tracking import open_sink
from tests.tracking.walks import finished_step, record
tracker = Tracker(open_sink({initialised!r}, {tmp_path.name!r}), Path({str(tmp_path / "spool")!r}))
record(tracker, lambda key, **other: finished_step(key, adapter={step("k1").adapter!r}, **other))
tracker.flush(100)
"""
    assert forks.run(program) == -signal.SIGKILL
    tracker = open_tracker()
    record(tracker, step)  # the resumed sweep records everything again
    assert tracker.flush(60)
    assert tracker.problems == []
    expect_whole(initialised, tmp_path.name)


@pytest.mark.slow
def test_a_server_that_goes_away_and_returns_gets_everything_once(
    open_tracker: Callable[..., Tracker],
    step: Callable[..., StepFinished],
    mlflow_tables: Path,
    tmp_path: Path,
    losses: Losses,
) -> None:
    """Its line is cut: whoever asks it is refused, as where its process has ended."""
    database, artifacts = shutil.copy(mlflow_tables, tmp_path / "server.db"), tmp_path / "artifacts"
    started = Server(f"sqlite:///{database}", port=lasting_port(), artifacts=artifacts, log=tmp_path / "server.log")
    with started as server, line_to(int(server.uri.rpartition(":")[2])) as line:
        uri = f"http://127.0.0.1:{line.port}"
        tracker = open_tracker(uri=uri)
        for event in two_trials(step)[:3]:
            tracker.record(event)
        assert tracker.flush(60)
        line.cut()
        record(tracker, step)
        assert not tracker.flush(1.0)
        line.mend()
        returned = time.monotonic()
        assert tracker.flush(120)
        waited = time.monotonic() - returned
        assert tracker.problems == []
        expect_whole(uri, tmp_path.name)
        losses.note("MLflow's server away and back", begun=0, lost=0, from_its_return_until_it_had_all=waited)
        run = find_step_runs(uri, tmp_path.name, ["k1"])["k1"]
        assert {item.path for item in connect(uri).list_artifacts(run, "adapter")} == {
            "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors",
        }
    assert os.environ.get("MLFLOW_RUN_ID") is None


def test_a_database_of_another_version_of_mlflow_gets_everything_once_it_is_upgraded(
    open_tracker: Callable[..., Tracker],
    step: Callable[..., StepFinished],
    initialised: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    losses: Losses,
) -> None:
    for delay in ("FIRST_DELAY", "LONGEST_DELAY"):
        monkeypatch.setattr(f"atlas.tracking.tracker.{delay}", 0.01)
    uri = f"sqlite:///{shutil.copy(database_file(initialised), tmp_path / 'mlflow.db')}"
    ours = set_version(uri, "75868b020152")
    tracker = open_tracker(uri=uri)
    record(tracker, step)
    assert not tracker.flush(2.0)
    set_version(uri, ours)
    upgraded = time.monotonic()
    assert tracker.flush(60)
    waited = {"from_its_upgrade_until_MLflow_had_all": time.monotonic() - upgraded}
    assert tracker.problems == []
    expect_whole(uri, tmp_path.name)
    losses.note("tracking database of another version of MLflow", begun=losses.begun(), lost=0, **waited)


def set_version(uri: str, version: str) -> str:
    """Set the version of a database's schema; returns the one before."""
    with closing(sqlite3.connect(database_file(uri))) as database:
        ((before,),) = database.execute("select version_num from alembic_version").fetchall()
        database.execute("update alembic_version set version_num = ?", (version,))
        database.commit()
    return str(before)
