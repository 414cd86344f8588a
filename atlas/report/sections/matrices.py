"""The accuracy matrices R of the first trials of the leaderboard, on every route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlas.report import figures
from atlas.report.canvas import cell_colours
from atlas.report.formats import number
from atlas.report.marks import trial_marks
from atlas.report.settings import labels_in_words
from atlas.report.summary import ROUTES, TOLD, Route, Summary
from atlas.report.tables import Row, bare_scores, matrix
from atlas.report.views import MatrixCell, MatrixRow, Scale, evenly

MAPS_SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class AccuracyMap:
    """R of one trial: a row a step of the order, a column a task of it; both by their place in the order.

    before: the row R[0, ·] of the bare backbone; empty where it cannot answer. setting: in words; empty without one.
    """

    place: int
    mark: str
    order: tuple[str, ...]
    val: str
    test: str
    seed: int
    rows: tuple[MatrixRow, ...]
    before: tuple[MatrixCell, ...] = ()
    setting: str = ""


@dataclass(frozen=True, kw_only=True)
class MatricesSection:
    """The maps of the routes, on one scale; `trials`: how many there are, shown or not.

    free: empty where that route was not scored. ahead: some scores are of tasks that were still to come.
    """

    template: ClassVar[str] = "matrices.html"

    scale: Scale
    trials: int
    latest: tuple[AccuracyMap, ...]
    own: tuple[AccuracyMap, ...]
    free: tuple[AccuracyMap, ...] = ()
    ahead: bool = False


def matrices_section(summary: Summary, rows: Sequence[Row]) -> MatricesSection | None:
    """R of the first `MAPS_SHOWN` rows of the leaderboard; None where trials began and none was scored."""
    if summary.trials and not summary.is_scored:
        return None
    low, high = limits = figures.score_range(summary)
    shown = rows[:MAPS_SHOWN]
    latest, own, free = (_maps(summary, shown, route, limits) for route in ROUTES)
    stops = tuple(cell_colours(score, low, high)[0] for score in evenly(low, high))
    scale = Scale(low=f"{low:.0f} %", high=f"{high:.0f} %", stops=stops)
    ahead = any(cell.ahead for one in (*latest, *free) for row in one.rows for cell in row.cells)
    return MatricesSection(scale=scale, trials=len(rows), latest=latest, own=own, free=free, ahead=ahead)


def _maps(summary: Summary, rows: Sequence[Row], route: Route, limits: tuple[float, float]) -> tuple[AccuracyMap, ...]:
    """The maps of the trials that were scored on a route."""
    by_id, mark_of = {trial.id: trial for trial in summary.trials}, trial_marks(summary)
    found, words = [(place, row, by_id[row.trial]) for place, row in enumerate(rows, start=1)], labels_in_words(summary)
    return tuple(
        _map(
            place,
            row,
            matrix(trial, "test", route),
            limits,
            bare_scores(summary, trial, "test", route),
            mark=mark_of(trial),
            setting=words.get(row.settings, ""),
        )
        for place, row, trial in found
        if route in TOLD or route in trial.R.get("test", {})
    )


def _map(
    place: int,
    row: Row,
    R: np.ndarray,
    limits: tuple[float, float],
    before: Sequence[float],
    *,
    mark: str,
    setting: str,
) -> AccuracyMap:
    return AccuracyMap(
        place=place,
        mark=mark,
        order=row.order,
        val=number(row.val),
        test=number(row.test),
        seed=row.seed,
        setting=setting,
        rows=tuple(
            MatrixRow(
                name=task, cells=tuple(_cell(float(score), limits, ahead=j > i) for j, score in enumerate(scores))
            )
            for i, (task, scores) in enumerate(zip(row.order, R, strict=True))
        ),
        before=tuple(_cell(score, limits) for score in before),
    )


def _cell(score: float, limits: tuple[float, float], *, ahead: bool = False) -> MatrixCell:
    if not np.isfinite(score):
        return MatrixCell()
    return MatrixCell(text=f"{score:.1f}", colours=cell_colours(score, *limits), ahead=ahead)
