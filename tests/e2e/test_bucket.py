"""A sweep whose storage is a bucket of an S3-compatible store: it survives its machine."""

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
from tests.e2e.commands import ROOT, SMALL, WAIT, environment
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import logged, matrices, summaries
from tests.losses import Losses
from tests.servers import ObjectStore

pytestmark = pytest.mark.slow


def sweep_at(storage: str, machine: Path, *arguments: str, **more: str) -> str:
    """Run the small sweep on a storage in a bucket, on the machine whose copies are in that folder."""
    command = [sys.executable, str(ROOT / "sweeps" / "task_order.py"), *SMALL, "--storage", storage, *arguments]
    return said(command, environment(ATLAS_CACHE=str(machine), **more))


def atlas(machine: Path, *arguments: str, code: int = 0, **more: str) -> str:
    """Run a command of `atlas` on that machine, with `more` in its environment, and check its exit code."""
    command = [sys.executable, "-m", "atlas.cli", *arguments]
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
    asked = ("doctor", "--tasks", "digits", "piqa-twin", "--storage", storage)
    lines = atlas(machine, *asked).splitlines()
    for line in (
        f"ok   storage: {storage} can be written here",
        "ok   data: digits, piqa-twin are prepared",
        "ok   shared storage: every node reads and writes it",
        "ok   data on the nodes: every node sees digits, piqa-twin",
    ):
        assert line in lines
    assert list(machine.rglob("*.arrow")) == []
    told = atlas(machine, *asked, code=1, AWS_SECRET_ACCESS_KEY="another")
    assert "FIX  storage:" in told
    assert "AWS Error SIGNATURE_DOES_NOT_MATCH" in told


def test_a_sweep_in_a_bucket_goes_on_on_another_machine_and_a_third_has_nothing_left_to_train(
    bucket: str,
    s3: ObjectStore,
    quiet: Path,
    tmp_path: Path,
    background: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    losses: Losses,
) -> None:
    storage, second, third = f"{bucket}/prefix", tmp_path / "second", tmp_path / "third"
    name = bucket.removeprefix("s3://")
    markers = lose(storage, tmp_path / "first", s3, partial(background, **losses.shell))
    before = written(s3, name, markers)
    resumed = time.monotonic()
    sweep_at(storage, second, "--resume", **losses.shell)
    took = time.monotonic() - resumed
    assert written(s3, name, markers) == before
    begun, steps = losses.begun(), summaries(quiet)[0]["plan"]["distinct_steps"]
    fault = "the driver's machine lost, storage in a bucket"
    losses.note(fault, begun=begun, lost=begun - steps, from_resuming_to_the_sweeps_end=took)
    runs = logged(f"sqlite:///{second / 's3' / name / 'prefix' / 'mlflow.db'}")
    assert Counter(run.data.tags["atlas.kind"] for run in runs.values() if run.info.status == "FINISHED") == {
        "sweep": 1,
        "trial": 2,
        "step": steps,
    }
    assert "nothing to train" in sweep_at(storage, third, "--dry-run")
    monkeypatch.setenv("ATLAS_CACHE", str(third))
    sweeps = StoragePath.at(storage) / "sweeps"
    sweeps.download(only=("summary.json",))
    (one,) = sweeps.folders()
    summary = json.loads((sweeps.local / one / "summary.json").read_text())
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert (sweeps / one).has("report.html")
    assert "tune" in (sweeps / one).folders()
    assert f"{steps} steps" in atlas(third, "store", "list", "--storage", storage)
    assert f"{steps} of {steps} steps are whole" in atlas(third, "store", "verify", "--storage", storage)
    assert "nothing was removed" not in atlas(third, "store", "collect", "--storage", storage)
    atlas(third, "store", "export", sweeps.folders()[0], str(tmp_path / "stack"), "--storage", storage)
    assert (tmp_path / "stack" / "README.md").is_file()
    assert "report.html" in atlas(third, "report", sweeps.folders()[0], "--storage", storage)
    expect_well_seen(storage, tmp_path / "fourth")
