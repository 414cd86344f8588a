"""Every package imports alone, and the thin paths bring nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forks import Forks, forks_with

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in (ROOT / "atlas").glob("*/__init__.py"))
HEAVY = ("torch", "transformers", "peft", "ray", "mlflow", "optuna", "pyarrow", "matplotlib")


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT, timeout=300
    )
    return done.stdout


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Starts processes that have imported other libraries of the packages, and nothing of `atlas`."""
    with forks_with("peft", "optuna", "pyarrow", "pydantic", "tyro") as made:
        yield made


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_first_and_alone(package: str, forks: Forks) -> None:
    """A circle shows where the package that closes it is imported first."""
    fresh = "import sys; assert not [name for name in sys.modules if name.partition('.')[0] == 'atlas']"
    assert forks.run(f"{fresh}; import atlas.{package}") == 0


@pytest.mark.parametrize(
    "program",
    [["atlas"], ["atlas", "prepare"], ["atlas", "store"], ["atlas", "reproduce"]],
    ids=" ".join,
)
def test_help_brings_nothing_heavy(program: list[str]) -> None:
    """Of the command line; `tests/contracts/test_sweep.py` asks the same of each sweep."""
    code = f"""
import sys, atlas.cli
sys.argv = [*{program!r}, "--help"]
try:
    atlas.cli.main()
except SystemExit as end:
    assert not end.code, end.code
print(sorted(set({HEAVY!r}) & sys.modules.keys()))
"""
    assert python(code).splitlines()[-1] == "[]"


def test_what_runs_beside_the_fleets_workers_brings_no_torch() -> None:
    """Driver, broker, trials, controllers and the writer to MLflow: a CPU second each, on the cores that train."""
    parts = ("sweep.driver", "execution.broker", "search.trainable", "execution.worker", "sweep.tracking_actor")
    imports = ", ".join(f"atlas.{part}" for part in parts)
    assert python(f"import sys, {imports}; print(sorted(set({HEAVY[:3]!r}) & sys.modules.keys()))") == "[]\n"
