"""A committed step of the storage tests, and damage to its files."""

from __future__ import annotations

from pathlib import Path

from atlas.storage.step_result import StepCost, StepResult

KEY = "ab" + "0" * 62
RESULT = StepResult(title="digits", cost=StepCost(seconds=91.25))


def stored(tmp_path: Path, name: str) -> Path:
    (path,) = (tmp_path / "store").rglob(name)
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(path: Path) -> None:
    path.write_bytes(b"x" + path.read_bytes()[1:])
