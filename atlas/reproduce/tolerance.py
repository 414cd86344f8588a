"""The tolerance of a comparison: none on the same kind of machine, else the spread that rounding can cause."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from atlas.reproduce.difference import Difference
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted

ERRORS = 2.0


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The largest |difference| of a score that still counts as equal, in points, and why it is that."""

    points: float
    reason: str


def tolerance_for(given: float | None, found: Sequence[Difference], recorded: RecordedRun) -> Tolerance:
    """The given one; else 0 where nothing that was found lets last bits differ; else `elsewhere`.

    Raises UserError for one that is no number of points.
    """
    if given is not None:
        if not 0 <= given <= 100:
            raise UserError(f"--tolerance is {given:g}; give points, from 0 to 100.")
        return Tolerance(points=given, reason="as given")
    inexact = [one.what for one in found if one.weight == "inexact"]
    if not inexact:
        return Tolerance(points=0.0, reason="the same kind of machine and the same versions: equal to the last bit")
    fewest = fewest_records(recorded)
    reason = f"other {', '.join(inexact)}: {ERRORS:g} standard errors of a score over {counted(fewest, 'record')}"
    return Tolerance(points=elsewhere(fewest), reason=reason)


def elsewhere(records: int) -> float:
    """Two standard errors of a score over so many records: 2 · 50 / sqrt(N) points, a score of 50 % having the most.

    Other kernels round differently, and training makes of the last bit another sample of the same learner: some
    records near the decision boundary change sides. What such a change may be is bounded by what another draw of
    as many records would change.
    """
    return ERRORS * 50.0 / math.sqrt(records)


def fewest_records(recorded: RecordedRun) -> int:
    """The fewest records that score a task, of both splits and all tasks."""
    limits = dict(zip(("val", "test"), recorded.options.training.evaluate, strict=True))
    return min(
        min(task.counts[split], limit or task.counts[split])
        for task in recorded.summary.all_tasks.values()
        for split, limit in limits.items()
    )
