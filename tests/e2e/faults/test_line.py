"""The line to the storage cut while a sweep runs, and mended: what it was to keep it kept, and nothing is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.storage.filesystem import StoragePath
from tests.e2e.commands import SMALL, WAIT
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import copy_of, logged, matrices, steps_of, summaries
from tests.line import Line, line_to
from tests.losses import Losses
from tests.servers import ObjectStore

pytestmark = pytest.mark.slow
AWAY_SECONDS = 15.0


def cut_for_a_while(line: Line) -> None:
    """Long enough for whatever asks the storage to be refused more than once."""
    line.cut()
    time.sleep(AWAY_SECONDS)
    line.mend()


def put_into(address: str, storage: Path) -> None:
    """Copy the data and the steps of a storage into a bucket."""
    place = StoragePath.at(address)
    copy_of(storage, place.local, "data", "store")
    place.upload()


def test_a_sweep_waits_for_a_storage_that_does_not_answer_and_goes_on_once_it_does(
    bucket: str,
    s3: ObjectStore,
    quiet: Path,
    half_learnt: Path,
    tmp_path: Path,
    background: Callable[..., Any],
    losses: Losses,
) -> None:
    name, steps = bucket.removeprefix("s3://"), steps_of(summaries(quiet)[0])

    def committed() -> int:
        return sum(key.endswith("commit.json") for key in s3.names(name))

    put_into(f"{bucket}/prefix", half_learnt)
    known = committed()
    assert 0 < known < len(steps) - 2
    with line_to(int(s3.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])) as line:
        shell = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}",
            "ATLAS_CACHE": str(tmp_path / "machine"),
            **losses.shell,
        }
        process = background(*SMALL, "--fleets", "1", storage=f"{bucket}/prefix", ATLAS_MARK="line", **shell)
        wait_for(lambda: committed() > known, process=process)
        cut_for_a_while(line)
        mended = time.monotonic()
        before = committed()
        wait_for(lambda: committed() > before, process=process)
        found = time.monotonic() - mended
        wait_for(lambda: committed() == len(steps), process=process)
        cut_for_a_while(line)  # while the sweep ends
        out, _ = process.communicate(timeout=WAIT)
    assert process.returncode == 0, out
    assert "Traceback" not in out
    expect_nothing_left("ATLAS_MARK=line")
    begun = losses.begun()
    fault = "line to the storage cut and mended"
    losses.note(fault, begun=begun, lost=begun - (len(steps) - known), from_mending_to_the_next_commit=found)
    expect_all_of_it(tmp_path / "machine" / "s3" / name / "prefix", quiet, s3.names(name))


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
