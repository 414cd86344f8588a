"""The project's commands as its users run them, offline, without a cluster; what needs no process has none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from atlas.cli import main

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--tasks", "digits", "piqa-twin", "--steps", "4", "--batch-size", "8", "--evaluate", "20", "30")
ONE_ORDER = ("--tasks", "digits", "piqa-twin", "--orders", "digits,piqa-twin")
LONG = (*ONE_ORDER, "--steps", "2", "--batch-size", "8", "--evaluate", "20", "30")
LONG_SWEEP = str(Path(__file__).with_name("long_step.py"))  # its file
LAST = "piqa-twin (expansion) after digits"  # its long step
PRINTED = "printed.txt"  # in a storage that tests share: what its sweep printed
WAIT = 600.0  # seconds, also on a very busy machine


def lines_in(folder: Path) -> tuple[str, str]:
    """The option by which a sweep's events go to lines of JSON: where nobody looks at MLflow, it saves its seconds."""
    return "--tracking-uri", f"jsonl:{folder / 'lines'}"


def command(*arguments: str, storage: Path, sweep: str = "task_order") -> list[str]:
    """The command line of a sweep: one of the project's by its name, or another file, given to `atlas sweep`."""
    own = ("-m", "atlas.cli", "sweep", sweep)
    program = own if sweep.endswith(".py") else (str(ROOT / "sweeps" / f"{sweep}.py"),)
    return [sys.executable, *program, *arguments, "--storage", str(storage)]


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


def told(*arguments: str, code: int = 0, **more: str) -> str:
    """What `atlas` prints, in this process with `more` in its environment; checks its exit code."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as shell, redirect_stdout(said), redirect_stderr(said):
        for name in os.environ.keys() - environment().keys():
            shell.delenv(name)
        for name, value in more.items():
            shell.setenv(name, value)
        try:
            main(arguments)
            ended = 0
        except SystemExit as end:
            ended = int(end.code or 0)
    assert ended == code, said.getvalue()
    return said.getvalue()


def sweep_told(*arguments: str, storage: Path | str, sweep: str = "task_order", code: int = 0, **more: str) -> str:
    """The same of a sweep that starts no cluster: a dry run, or one that is refused."""
    file = str(ROOT / "sweeps" / f"{sweep}.py")
    return told("sweep", file, *arguments, "--storage", str(storage), code=code, **more)
