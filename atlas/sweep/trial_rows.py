"""The rows of a trial in a sweep's summary: one a walk, with its accuracy matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from atlas.report.summary import ROUTES, SPLITS, TOLD, AccuracyMatrix, Split, TrialRow, WalkCost
from atlas.search.trial_record import TrialRecord
from atlas.steps.walk_result import WalkResult


def trial_rows(
    record: TrialRecord, outcomes: Sequence[WalkResult], cost_of: Callable[[WalkResult], WalkCost]
) -> list[TrialRow]:
    """A row for each walk of a trial, without its metrics."""
    return [
        TrialRow(
            id=row_id(record, number, len(outcomes)),
            order=outcome.walk.order,
            seed=outcome.walk.seed,
            settings={**record.settings},
            step_keys=tuple(step.key for step in outcome.finished),
            status=record.status,
            R={split: {route: known_scores(outcome.matrix(split, route)) for route in routes} for split in SPLITS},
            metrics={},
            error=record.error,
            cost=cost_of(outcome),
            **_where_said(
                stopped=record.stopped,
                infeasible=record.infeasible,
                free_before=free_before(outcome) if outcome.is_free else {},
            ),
        )
        for number, outcome in enumerate(outcomes)
        for routes in (ROUTES if outcome.is_free else TOLD,)
    ]


def _where_said(**values: Any) -> dict[str, Any]:
    """Those of the values that say something: the others are absent from the file."""
    return {name: value for name, value in values.items() if value}


def free_before(outcome: WalkResult) -> dict[Split, tuple[float | None, ...]]:
    """By split the row R[0, ·] of the bare backbone on route `free`; {} where it has no score."""
    rows = {split: known_scores([outcome.free_before(split)])[0] for split in SPLITS}
    return rows if any(score is not None for row in rows.values() for score in row) else {}


def known_scores(R: Sequence[Sequence[float]]) -> AccuracyMatrix:
    """R with None where a score is not known."""
    return tuple(tuple(None if math.isnan(score) else score for score in row) for row in R)


def row_id(record: TrialRecord, number: int, walks: int) -> str:
    """The name of one of a trial's walks."""
    return record.id if walks == 1 else f"{record.id}.{number}"
