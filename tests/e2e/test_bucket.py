"""A sweep whose storage is a bucket of an S3-compatible store: it survives its machine, and a line that is cut."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from atlas.storage.filesystem import StoragePath
from tests.e2e.commands import SMALL, WAIT, environment, sweep_told, told
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import logged, matrices, steps_of, summaries
from tests.line import Line, line_to
from tests.losses import Losses
from tests.servers import ObjectStore

pytestmark = pytest.mark.slow
AWAY_SECONDS = 15.0


def atlas(machine: Path, *arguments: str) -> str:
    """What a command of `atlas` prints on that machine."""
    return told(*arguments, ATLAS_CACHE=str(machine))


def doctor(machine: Path, *arguments: str, code: int = 0, **more: str) -> str:
    """Run the doctor on that machine, in a process of its own, with `more` in its environment."""
    command = [sys.executable, "-m", "atlas.cli", "doctor", *arguments]
    return said(command, environment(ATLAS_CACHE=str(machine), **more), code)


def said(command: list[str], shell: dict[str, str], code: int = 0) -> str:
    """Run a command, check its exit code, and return its output, stderr last."""
    done = subprocess.run(command, capture_output=True, text=True, env=shell, timeout=WAIT)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def lose(storage: str, machine: Path, s3: ObjectStore, start: Callable[..., subprocess.Popen[str]]) -> list[str]:
    """Start the small sweep on a machine, and lose the machine once three steps are committed; gives their markers."""
    bucket = storage.removeprefix("s3://").partition("/")[0]

    def there() -> list[str]:
        names = s3.names(bucket)
        begun = any("/tune/experiment_state" in name for name in names)
        markers = [name for name in names if name.endswith("commit.json")]
        return markers if begun and len(markers) >= 3 else []

    process = start(*SMALL, "--fleets", "1", storage=storage, ATLAS_CACHE=str(machine), ATLAS_MARK="lost")
    markers: list[str] = wait_for(there, process=process)
    process.kill()
    expect_nothing_left("ATLAS_MARK=lost")
    shutil.rmtree(machine)
    return markers


def written(s3: ObjectStore, bucket: str, names: list[str]) -> dict[str, Any]:
    """The time of each object's last write: a step that is trained again writes its marker again."""
    client = s3.client()
    return {name: client.head_object(Bucket=bucket, Key=name)["LastModified"] for name in names}


def expect_well_seen(storage: str, machine: Path) -> None:
    """`atlas tasks` and `atlas doctor` see all of the storage from a fresh machine, and bring no data there."""
    table = atlas(machine, "tasks", "--storage", storage)
    assert f"under {storage}/data" in table
    assert table.count("train") == 2
    asked = ("--tasks", "digits", "piqa-twin", "--storage", storage)
    lines = doctor(machine, *asked).splitlines()
    for line in (
        f"ok   storage: {storage} can be written here",
        "ok   data: digits, piqa-twin are prepared",
        "ok   shared storage: every node reads and writes it",
        "ok   data on the nodes: every node sees digits, piqa-twin",
    ):
        assert line in lines
    assert list(machine.rglob("*.arrow")) == []
    refused = doctor(machine, *asked, code=1, AWS_SECRET_ACCESS_KEY="another")
    assert "FIX  storage:" in refused
    assert "AWS Error SIGNATURE_DOES_NOT_MATCH" in refused


def cut_for_a_while(line: Line) -> None:
    """Long enough for whatever asks the storage to be refused more than once."""
    line.cut()
    time.sleep(AWAY_SECONDS)
    line.mend()


def resume_over_a_line_that_is_cut(
    storage: str, machine: Path, s3: ObjectStore, start: Callable[..., subprocess.Popen[str]], steps: int
) -> float:
    """Resume the sweep; the line to its storage is cut while it trains, and while it ends. Seconds until it commits."""
    bucket = storage.removeprefix("s3://").partition("/")[0]

    def committed() -> int:
        return sum(key.endswith("commit.json") for key in s3.names(bucket))

    known = committed()
    assert 0 < known < steps - 2
    with line_to(int(s3.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])) as line:
        shell = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}", "ATLAS_CACHE": str(machine), "ATLAS_MARK": "line"}
        process = start(*SMALL, "--resume", storage=storage, **shell)
        wait_for(lambda: committed() > known, process=process)
        cut_for_a_while(line)
        mended = time.monotonic()
        before = committed()
        wait_for(lambda: committed() > before, process=process)
        found = time.monotonic() - mended
        wait_for(lambda: committed() == steps, process=process)
        cut_for_a_while(line)  # while the sweep ends
        out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0, out
    assert "Traceback" not in out
    expect_nothing_left("ATLAS_MARK=line")
    return found


def expect_all_of_it(copy: Path, quiet: Path, objects: list[str]) -> None:
    """The sweep ended as the quiet one did, and both the storage and MLflow have all of it, once."""
    (summary,) = summaries(copy)
    assert summary["sweep"]["status"] == "FINISHED"
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert summary["references"] == summaries(quiet)[0]["references"]
    markers = [Path(key).parent.name for key in objects if key.endswith("commit.json")]
    assert sorted(markers) == sorted(steps_of(summaries(quiet)[0]))
    for file in ("summary.json", "report.html"):
        assert f"prefix/sweeps/{summary['sweep']['id']}/{file}" in objects
    runs = logged(f"sqlite:///{copy / 'mlflow.db'}")
    kinds = Counter(run.data.tags["atlas.kind"] for run in runs.values() if run.info.status == "FINISHED")
    assert kinds == {"sweep": 1, "trial": len(summary["trials"]), "step": len(markers)}


def test_a_sweep_in_a_bucket_goes_on_on_another_machine_over_a_line_that_is_cut_and_a_third_has_nothing_left_to_train(
    bucket: str,
    s3: ObjectStore,
    quiet: Path,
    tmp_path: Path,
    background: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    losses: Losses,
) -> None:
    storage, second, third = f"{bucket}/prefix", tmp_path / "second", tmp_path / "third"
    name, start = bucket.removeprefix("s3://"), partial(background, **losses.shell)
    steps = summaries(quiet)[0]["plan"]["distinct_steps"]
    markers = lose(storage, tmp_path / "first", s3, start)
    before, begun = written(s3, name, markers), losses.begun()
    known = sum(key.endswith("commit.json") for key in s3.names(name))
    resumed = time.monotonic()
    found = resume_over_a_line_that_is_cut(storage, second, s3, start, steps)
    took = time.monotonic() - resumed
    assert written(s3, name, markers) == before
    fault = "the driver's machine lost, storage in a bucket"
    losses.note(fault, begun=losses.begun(), lost=begun - known, from_resuming_to_the_sweeps_end=took)
    lost = losses.begun() - begun - (steps - known)
    losses.note(
        "line to the storage cut and mended",
        begun=losses.begun() - begun,
        lost=lost,
        from_mending_to_the_next_commit=found,
    )
    expect_all_of_it(second / "s3" / name / "prefix", quiet, s3.names(name))
    assert "nothing to train" in sweep_told(*SMALL, "--dry-run", storage=storage, ATLAS_CACHE=str(third))
    monkeypatch.setenv("ATLAS_CACHE", str(third))
    expect_all_to_be_read(storage, third, quiet, tmp_path / "stack")
    expect_well_seen(storage, tmp_path / "fourth")


def expect_all_to_be_read(storage: str, machine: Path, quiet: Path, stack: Path) -> None:
    """A machine that took no part reads the sweep, and every command works on it there."""
    steps = summaries(quiet)[0]["plan"]["distinct_steps"]
    sweeps = StoragePath.at(storage) / "sweeps"
    sweeps.download(only=("summary.json",))
    (one,) = sweeps.folders()
    summary = json.loads((sweeps.local / one / "summary.json").read_text())
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert (sweeps / one).has("report.html")
    assert "tune" in (sweeps / one).folders()
    assert f"{steps} steps" in atlas(machine, "store", "list", "--storage", storage)
    assert f"{steps} of {steps} steps are whole" in atlas(machine, "store", "verify", "--storage", storage)
    assert "nothing was removed" not in atlas(machine, "store", "collect", "--storage", storage)
    atlas(machine, "store", "export", one, str(stack), "--storage", storage)
    assert (stack / "README.md").is_file()
    assert "report.html" in atlas(machine, "report", one, "--storage", storage)
