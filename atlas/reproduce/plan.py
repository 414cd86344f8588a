"""How a run is to be reproduced, and what is known before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.reproduce.comparison import Scores
from atlas.reproduce.difference import Difference
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import Placement, ReplayedRun
from atlas.reproduce.tolerance import Tolerance

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """How a person wants a run reproduced; what is left out is as it was recorded.

    file: of the sweep. tasks, learner: `FILE.py:NAME`, the user's own. source: TASK=FOLDER, to prepare a task again.
    into: the clean storage (None: a temporary one). tolerance: in points. report: a JSON file of what came of it.
    """

    file: Path | None = None
    tasks: tuple[str, ...] = ()
    learner: str = ""
    source: tuple[str, ...] = ()
    placement: Placement = field(default_factory=Placement)
    into: Path | None = None
    tolerance: float | None = None
    report: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class ReproductionPlan:
    """What is known before anything is trained."""

    recorded: RecordedRun
    rebuilt: ReplayedRun
    scores: Scores
    found: list[Difference]
    tolerance: Tolerance
    lent: Mapping[str, Path]
