"""Fixtures of tests that prepare data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.album import write_album


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """The source files of a small task with pictures."""
    return write_album(tmp_path / "album")
