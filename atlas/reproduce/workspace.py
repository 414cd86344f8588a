"""The clean storage that a reproduction runs in."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import UserError
from atlas.runtime.paths import absolute
from atlas.sweep.provenance import code_digest, versions

MARK = "of.json"


@dataclass
class Workspace:
    """`is_kept`: whether it stays when the reproduction is over."""

    root: Path
    is_kept: bool


@contextmanager
def clean_workspace(into: Path | None, recorded: RecordedRun) -> Iterator[Workspace]:
    """The folder `into`, or a temporary one, which goes away unless it is to be kept.

    A folder that holds a reproduction of the same run by the same version of atlas is reused: its steps are those that
    this one would train. Raises UserError where it holds anything else.
    """
    root = Path(tempfile.mkdtemp(prefix="atlas-reproduce-")) if into is None else absolute(into)
    place = Workspace(root=root, is_kept=into is not None)
    try:
        _mark(root, recorded)
        yield place
    finally:
        if not place.is_kept:
            shutil.rmtree(root, ignore_errors=True)


def check_workspace(into: Path | None, recorded: RecordedRun) -> None:
    """Raises UserError where `into` is not clean, or not seen by all nodes, before long work starts."""
    if into is None and os.environ.get("RAY_ADDRESS"):
        raise UserError("RAY_ADDRESS names a cluster: give --into a folder that all of its nodes see.")
    if into is None or not (root := absolute(into)).exists():
        return
    if not root.is_dir():
        raise UserError(f"--into {root} is no folder; name an empty or a new one.")
    if any(root.iterdir()) and _marked(root) != _facts(recorded):
        raise UserError(
            f"--into {root} is not empty and holds no reproduction of {recorded.name} by this version of atlas; "
            f"name an empty or a new folder, since what is in a store already would not be trained again."
        )


def _mark(root: Path, recorded: RecordedRun) -> None:
    check_workspace(root, recorded)
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / MARK).write_text(json.dumps(_facts(recorded), indent=1) + "\n")
    except OSError as error:
        raise UserError(f"--into {root} cannot be written: {error.strerror}; name another folder.") from error


def _marked(root: Path) -> object:
    try:
        return json.loads((root / MARK).read_text())
    except (OSError, ValueError):
        return None


def _facts(recorded: RecordedRun) -> dict[str, object]:
    return {"reproduction": recorded.name, "code": code_digest(), "versions": versions()}
