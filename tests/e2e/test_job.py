"""A sweep as a Ray job: uploaded from the project's folder to a head with token authentication."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, SMALL, WAIT, lines_in
from tests.e2e.nodes import RAY, cluster_shell, start_node
from tests.e2e.processes import end
from tests.e2e.storages import copy_of, matrices, summaries
from tests.ports import lasting_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that reaches a head of this test's own, which ends with it."""
    shell = {**cluster_shell(), "PYTHONDONTWRITEBYTECODE": "1"}  # what is uploaded is measured after the sweep has run
    port, dashboard = lasting_port(), lasting_port()
    process = start_node(
        shell,
        tmp_path_factory.mktemp("head") / "log",
        *("--head", f"--port={port}", "--num-cpus=2", f"--ray-client-server-port={lasting_port()}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
    )
    yield {**shell, "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}"}
    end(process, signal.SIGTERM)


@pytest.fixture(scope="module")
def submitted(head: dict[str, str], quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The storage of a sweep that was submitted, on known data and but one step to train, and what was printed."""
    storage = copy_of(quiet, tmp_path_factory.mktemp("submitted") / "storage", "data", "store")
    last = summaries(quiet)[0]["trials"][0]["step_keys"][-1]
    shutil.rmtree(storage / "store" / "steps" / last[:2] / last)
    done = submit(head, storage, "--fleets", "1", *lines_in(storage))
    assert done.returncode == 0, done.stdout + done.stderr
    return storage, done.stdout + done.stderr


def submit(head: dict[str, str], storage: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Submit the small sweep, from another folder than the project's, and wait for it."""
    sweep = ("python", "sweeps/task_order.py", *SMALL, *more)
    return subprocess.run(
        [RAY, "job", "submit", "--working-dir", str(ROOT), "--", *sweep, "--storage", str(storage)],
        capture_output=True,
        text=True,
        cwd=storage,
        env=head,
        timeout=WAIT,
    )


def test_a_submitted_sweep_runs_on_the_head_and_the_upload_is_small(
    head: dict[str, str], quiet: Path, submitted: tuple[Path, str]
) -> None:
    storage, text = submitted
    assert "succeeded" in text
    assert "Leaderboard" in text
    (summary,) = summaries(storage)
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert summary["ledger"]["steps_trained"] == 1
    found = Path(head["RAY_TMPDIR"]).glob("ray/session_*/runtime_resources/working_dir_files/_ray_pkg_*")
    packages = [path for path in found if path.is_dir()]
    assert packages, text
    zips = [Path(shutil.make_archive(str(storage.parent / one.name), "zip", one)) for one in packages]
    sizes = [path.stat().st_size for path in zips]  # as they are uploaded: zipped
    backbones = sum(path.stat().st_size for path in (ROOT / "atlas").rglob("*.safetensors"))
    assert max(sizes) - backbones < 2**20, sizes
    names = {path.name for package in packages for path in package.iterdir()}
    assert names <= {"atlas", "sweeps", "pyproject.toml", ".gitignore", ".rayignore"}


@pytest.mark.parametrize("token", [secrets.token_hex(32), None], ids=["wrong", "missing"])
def test_without_the_right_token_it_is_refused_and_says_what_to_set(
    token: str | None, head: dict[str, str], prepared: Path
) -> None:
    shell = {name: value for name, value in head.items() if name != "RAY_AUTH_TOKEN"}
    done = submit(shell if token is None else {**shell, "RAY_AUTH_TOKEN": token}, prepared)
    assert done.returncode != 0
    assert "RAY_AUTH_TOKEN" in done.stdout + done.stderr, done.stdout + done.stderr
    assert not (prepared / "sweeps").exists()
