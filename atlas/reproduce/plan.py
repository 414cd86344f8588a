"""The options of a reproduction, and its plan: everything known before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from atlas.reproduce.comparison import Scores
from atlas.reproduce.difference import Difference
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import ClusterOverrides, RunReplay
from atlas.reproduce.tolerance import Tolerance


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """Options of a reproduction; the rest is as it was recorded.

    file: of the sweep. tasks, learner: `FILE.py:NAME`, the user's own. source: TASK=FOLDER, to prepare a task again.
    into: the clean storage (None: a temporary one). tolerance: in points. report: a JSON file of the outcome.
    """

    file: Path | None = None
    tasks: tuple[str, ...] = ()
    learner: str = ""
    source: tuple[str, ...] = ()
    overrides: ClusterOverrides = field(default_factory=ClusterOverrides)
    into: Path | None = None
    tolerance: float | None = None
    report: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class ReproductionPlan:
    """The run as recorded and as it would be replayed here, and what differs.

    `reusable_data`: task → folder of its prepared data, of the recorded fingerprint.
    """

    recorded: RecordedRun
    replay: RunReplay
    scores: Scores
    found: list[Difference]
    tolerance: Tolerance
    reusable_data: Mapping[str, Path]
