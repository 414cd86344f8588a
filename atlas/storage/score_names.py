"""The names under which scores are kept: of the split scored, and of the route through adapters and queries."""

from __future__ import annotations

from typing import Literal

Split = Literal["val", "test"]
Route = Literal["latest", "own"]
SPLITS: tuple[Split, ...] = ("val", "test")
ROUTES: tuple[Route, ...] = ("latest", "own")
