"""Fixtures of the end-to-end tests: the project run as its users run it, in processes of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from selenium.webdriver import Chrome

from atlas.cluster.connect import STARTS
from atlas.cluster.ray_internals import SLOW_START
from atlas.tracking import Server, default_tracking_uri
from atlas.tracking.mlflow.address import connect
from benchmarks.processes import children, kill, living, marked, title_of
from tests.ports import lasting_port
from tests.workers import common_folder, made_once

if TYPE_CHECKING:
    from tests.e2e.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--tasks", "digits", "piqa-twin", "--steps", "6", "--evaluate", "40", "60")
UPDATES = 80  # of each stage of a long step
ONE_ORDER = ("--tasks", "digits", "piqa-twin", "--orders", "digits,piqa-twin")
LONG = (*ONE_ORDER, "--steps", str(UPDATES), "--evaluate", "40", "60")
LAST = "piqa-twin (expansion) after digits"
RAY = str(Path(sys.executable).with_name("ray"))
WAIT = 600.0  # seconds, also on a very busy machine


def command(*arguments: str, storage: Path, sweep: str = "task_order") -> list[str]:
    """The command line of a sweep: one of the project's by its name, or a file."""
    file = sweep if sweep.endswith(".py") else str(ROOT / "sweeps" / f"{sweep}.py")
    return [sys.executable, file, *arguments, "--storage", str(storage)]


def environment(**more: str) -> dict[str, str]:
    """The environment of a user's shell, without a cluster, offline."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))}
    return {**kept, "HF_HUB_OFFLINE": "1", **more}


def run(
    *arguments: str, storage: Path, sweep: str = "task_order", code: int = 0, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a sweep to its end, with `more` in its environment, and check its exit code."""
    done = subprocess.run(
        command(*arguments, storage=storage, sweep=sweep),
        capture_output=True,
        text=True,
        timeout=WAIT,
        env=environment(**more),
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def summaries(storage: Path) -> list[dict[str, Any]]:
    """The summaries under a storage, the oldest first."""
    paths = sorted(storage.glob("sweeps/*/summary.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text()) for path in paths]


def matrices(summary: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """Every R of a summary, by order."""
    return {tuple(trial["order"]): trial["R"] for trial in summary["trials"]}


def committed(storage: Path) -> dict[str, dict[str, Any]]:
    """Key → marker of every step in a storage's store."""
    return {path.parent.name: json.loads(path.read_text()) for path in storage.glob("store/steps/*/*/commit.json")}


def wait_for(what: Callable[[], Any], *, process: subprocess.Popen[str], seconds: float = WAIT) -> Any:
    """Wait until `what` gives a true value, and return it; fails once `process` has ended or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        assert process.poll() is None, f"it ended early:\n{process.communicate()[0]}"
        time.sleep(0.1)
    raise AssertionError(f"nothing after {seconds} s")


def expect_nothing_left(mark: str, known: Iterable[int] = (), seconds: float = 60.0) -> None:
    """All processes that bear the mark or are `known` go within so many seconds; what does not is ended."""
    deadline = time.monotonic() + seconds
    while (left := {*marked(mark), *living(known)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    titles = [title_of(pid) for pid in left]
    for pid in left:
        kill(pid)
    assert titles == []


def logged(tracking_uri: str) -> dict[str, Any]:
    """Every run by its key; fails where two have one key, or one is open still."""
    client = connect(tracking_uri)
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    by_key = {run.data.tags["atlas.key"]: run for run in found}
    assert len(by_key) == len(found)
    assert {run.info.run_name for run in found if run.info.status == "RUNNING"} == set()
    return by_key


def steps_of(summary: dict[str, Any]) -> set[str]:
    """The keys of all steps that a sweep used."""
    return {key for trial in summary["trials"] for key in trial["step_keys"]} | set(summary["reference_keys"])


def expect_undisturbed(storage: Path, quiet: Path) -> None:
    """The one sweep in `storage` ended with all scores of the quiet one, and MLflow has all of it, once."""
    (summary,) = summaries(storage)
    assert matrices(summary) == matrices(summaries(quiet)[0])
    assert summary["references"] == summaries(quiet)[0]["references"]
    assert committed(storage).keys() == steps_of(summaries(quiet)[0])
    expect_tracked(storage)


def expect_tracked(storage: Path) -> None:
    """The one sweep in `storage` ended well, and MLflow has all of it, once."""
    (summary,) = summaries(storage)
    assert summary["sweep"]["status"] == "FINISHED"
    runs = logged(default_tracking_uri(storage))
    assert set(committed(storage)) <= set(runs)
    kinds = Counter(run.data.tags["atlas.kind"] for run in runs.values() if run.info.status == "FINISHED")
    assert kinds == {"sweep": 1, "trial": len(summary["trials"]), "step": len(committed(storage))}


@pytest.fixture
def background() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a sweep in the background; what is left of it at the end of the test is ended, by its own id."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, storage: Path, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments, storage=storage),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(**more),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            end(process, signal.SIGKILL)


def end(process: subprocess.Popen[str], how: int) -> None:
    """End a sweep's driver, and then whatever of its cluster outlives it."""
    below = children(process.pid)
    process.send_signal(how)
    process.wait(timeout=60)
    for pid in below:
        kill(pid)


def cluster_shell() -> dict[str, str]:
    """The environment of a cluster of a test's own, with a token, and of what may join it."""
    folder = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # short: Ray's sockets have a limit of 107 characters
    folder.mkdir()
    return environment(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_TMPDIR=str(folder),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )


def start_node(shell: dict[str, str], log: Path, *flags: str) -> subprocess.Popen[str]:
    """Start a node of a cluster on the loopback, a head or one that joins it, and wait until it is up.

    Ray gives up after half a minute, which a busy machine may need: it is started again, as the product's own cluster.
    """
    for _ in range(STARTS - 1):
        process = _begin_node(shell, log, *flags)
        try:
            wait_for(lambda: "Ray runtime started" in log.read_text(), process=process)
        except AssertionError:
            if SLOW_START not in log.read_text():
                raise
        else:
            return process
    process = _begin_node(shell, log, *flags)
    wait_for(lambda: "Ray runtime started" in log.read_text(), process=process)
    return process


def _begin_node(shell: dict[str, str], log: Path, *flags: str) -> subprocess.Popen[str]:
    ports = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port")
    return subprocess.Popen(
        [RAY, "start", "--block", "--node-ip-address=127.0.0.1", *flags]
        + [f"--{port}={lasting_port()}" for port in (*ports, "runtime-env-agent-port")],
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        env=shell,
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One without any node; those that the test starts are ended."""
    from tests.e2e.cluster import Cluster

    made = Cluster(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one undisturbed sweep over both orders of two tasks. All workers look at it: not to be altered."""
    return made_once(common_folder(tmp_path_factory) / "quiet", lambda storage: run(*SMALL, storage=storage))


@pytest.fixture(scope="session")
def quiet_long(quiet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of one undisturbed sweep whose last step is long enough to be cut off. Not to be altered."""

    def sweep(storage: Path) -> None:
        shutil.copytree(quiet / "data", storage / "data")
        run(*LONG, "--fleets", "1", storage=storage)

    return made_once(common_folder(tmp_path_factory) / "quiet-long", sweep)


@pytest.fixture
def without_last(quiet_long: Path, mlflow_tables: Path, tmp_path: Path) -> Path:
    """A storage with all that the long sweep has learnt but its last step, and that sweep's data."""
    storage = copy_of(quiet_long, tmp_path / "storage", "data", "store")
    shutil.copy(mlflow_tables, storage)
    (last,) = (key for key, marker in committed(storage).items() if marker["facts"]["title"] == LAST)
    shutil.rmtree(storage / "store" / "steps" / last[:2] / last)
    return storage


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A sweep with seed 1 that logged to a server whose address held `secret`; `left` are folders with all it wrote."""

    storage: Path
    secret: str
    server: str
    printed: str
    left: tuple[Path, ...]


@pytest.fixture(scope="session")
def guarded(quiet: Path, mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One order of two tasks, logged to a server with a user and a password in its address."""
    folder, secret = tmp_path_factory.mktemp("guarded"), secrets.token_hex(8)
    logs = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # short: Ray's sockets have a limit of 107 characters
    storage = copy_of(quiet, folder / "storage", "data")
    shutil.copy(mlflow_tables, folder)
    database, files = default_tracking_uri(folder), folder / "artifacts"
    with Server(database, port=lasting_port(), artifacts=files, log=folder / "server.log") as server:
        address = server.uri.replace("http://", f"http://me:{secret}@")
        arguments = (*SMALL, "--seed", "1", "--orders", "digits,piqa-twin", "--fleets", "1", "--tracking-uri", address)
        done = run(*arguments, storage=storage, RAY_TMPDIR=str(logs))
    printed = done.stdout + done.stderr
    yield Guarded(storage=storage, secret=secret, server=server.uri, printed=printed, left=(folder, logs))
    shutil.rmtree(logs, ignore_errors=True)


@pytest.fixture
def prepared(quiet: Path, mlflow_tables: Path, tmp_path: Path) -> Path:
    """A storage with the prepared data of the quiet one and an empty MLflow database, and nothing else."""
    storage = copy_of(quiet, tmp_path / "storage", "data")
    shutil.copy(mlflow_tables, storage)
    return storage


@pytest.fixture
def learnt(quiet: Path, prepared: Path) -> Path:
    """The same with all steps of the quiet one."""
    return copy_of(quiet, prepared, "store")


def copy_of(storage: Path, into: Path, *parts: str) -> Path:
    """A storage with those parts of another."""
    for part in parts:
        shutil.copytree(storage / part, into / part)
    return into


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One headless Chromium for all tests that look at pages."""
    from tests.e2e.browser import open_browser

    opened = open_browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.quit()
