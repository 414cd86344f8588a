"""The accuracy matrices R of the first trials of the leaderboard, on both routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlas.report import figures
from atlas.report.canvas import cell_colours
from atlas.report.formats import number
from atlas.report.marks import trial_marks
from atlas.report.summary import Summary
from atlas.report.tables import Row, matrix
from atlas.report.views import MatrixCell, MatrixRow, Scale, evenly

MAPS_SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class AccuracyMap:
    """R of one trial: a row a step of the order, a column a task of it; both by their place in the order.

    before: the row R[0, ·] of the bare backbone; empty where it cannot answer.
    """

    place: int
    mark: str
    order: tuple[str, ...]
    val: str
    test: str
    seed: int
    rows: tuple[MatrixRow, ...]
    before: tuple[MatrixCell, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MatricesSection:
    """The maps of both routes, on one scale; `trials`: how many there are, shown or not."""

    template: ClassVar[str] = "matrices.html"

    scale: Scale
    trials: int
    latest: tuple[AccuracyMap, ...]
    own: tuple[AccuracyMap, ...]


def matrices_section(summary: Summary, rows: Sequence[Row]) -> MatricesSection:
    """R of the first `MAPS_SHOWN` rows of the leaderboard."""
    low, high = limits = figures.score_range(summary)
    by_id, mark_of = {trial.id: trial for trial in summary.trials}, trial_marks(summary)
    latest, own = (
        tuple(
            _map(
                place,
                row,
                matrix(by_id[row.trial], "test", route),
                limits,
                _zero_shot(summary, row),
                mark=mark_of(by_id[row.trial]),
            )
            for place, row in enumerate(rows[:MAPS_SHOWN], start=1)
        )
        for route in ("latest", "own")
    )
    stops = tuple(cell_colours(score, low, high)[0] for score in evenly(low, high))
    scale = Scale(low=f"{low:.0f} %", high=f"{high:.0f} %", stops=stops)
    return MatricesSection(scale=scale, trials=len(rows), latest=latest, own=own)


def _zero_shot(summary: Summary, row: Row) -> list[float]:
    """The scores of the bare backbone in the row's order, NaN where it has none; none where it has none at all."""
    found = summary.references.zero_shot.get(row.seed, {})
    scores = [found[task].test if task in found else None for task in row.order]
    return [np.nan if score is None else score for score in scores] if found else []


def _map(
    place: int, row: Row, R: np.ndarray, limits: tuple[float, float], before: Sequence[float], *, mark: str
) -> AccuracyMap:
    return AccuracyMap(
        place=place,
        mark=mark,
        order=row.order,
        val=number(row.val),
        test=number(row.test),
        seed=row.seed,
        rows=tuple(
            MatrixRow(name=task, cells=tuple(_cell(float(score), limits) for score in scores))
            for task, scores in zip(row.order, R, strict=True)
        ),
        before=tuple(_cell(score, limits) for score in before),
    )


def _cell(score: float, limits: tuple[float, float]) -> MatrixCell:
    if not np.isfinite(score):
        return MatrixCell()
    return MatrixCell(text=f"{score:.1f}", colours=cell_colours(score, *limits))
