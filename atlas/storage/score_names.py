"""The names under which scores are kept: of the split scored, and of the route from a record to its answer."""

from __future__ import annotations

from typing import Literal

Split = Literal["val", "test"]
Route = Literal["latest", "own", "free"]
SPLITS: tuple[Split, ...] = ("val", "test")
ROUTES: tuple[Route, ...] = ("latest", "own", "free")
TOLD: tuple[Route, ...] = ("latest", "own")  # those on which a model is told the task of a record
