"""What is printed of a sweep that has ended, and where."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from atlas.report.summary import document_of
from atlas.sweep.summary import FinishedSweep, summarise


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=160, file=io.StringIO())


@pytest.fixture(scope="module")
def summary(ended: FinishedSweep) -> dict[str, Any]:
    return document_of(summarise(ended))
