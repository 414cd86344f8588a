"""Folders that may really only be read, for root too."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Within it, nothing can be written below the folder; skips the test where root may not mount."""
    with _mounted(folder) if os.geteuid() == 0 else _without_mode(folder):
        yield


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    """The folder mounted over itself, read-only: modes do not bind root."""
    place = str(folder)
    if _mount("--bind", place, place):
        pytest.skip("root may write anywhere, and may not mount here")
    try:
        assert _mount("-o", "remount,ro,bind", place) == 0
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def _mount(*arguments: str) -> int:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode
    except FileNotFoundError:
        return 1


@contextmanager
def _without_mode(folder: Path) -> Iterator[None]:
    """The folders below it without the right to write."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for one in folders:
        one.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        yield
    finally:
        for one in folders:
            one.chmod(stat.S_IRWXU)
