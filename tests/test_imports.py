"""Every package imports alone, and the thin paths bring nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in (ROOT / "atlas").glob("*/__init__.py"))
HEAVY = ("torch", "transformers", "peft", "ray", "mlflow", "optuna", "pyarrow", "matplotlib")
SWEEPS = sorted(path.name for path in (ROOT / "sweeps").glob("*.py"))


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT, timeout=300
    )
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_first_and_alone(package: str) -> None:
    """A circle shows where the package that closes it is imported first."""
    assert python(f"import atlas.{package}; print('well')") == "well\n"


@pytest.mark.parametrize(
    "program",
    [["atlas"], ["atlas", "prepare"], ["atlas", "store"], *([f"sweeps/{name}"] for name in SWEEPS)],
    ids=" ".join,
)
def test_help_brings_nothing_heavy(program: list[str]) -> None:
    run = f"runpy.run_path({program[0]!r}, run_name='__main__')" if program[0] != "atlas" else "atlas.cli.main()"
    code = f"""
import runpy, sys, atlas.cli
sys.argv = [*{program!r}, "--help"]
try:
    {run}
except SystemExit as end:
    assert not end.code, end.code
print(sorted(set({HEAVY!r}) & sys.modules.keys()))
"""
    assert python(code).splitlines()[-1] == "[]"
