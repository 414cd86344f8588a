"""Several sweeps beside each other, a row each: the options in which they differ, and what their best settings know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from atlas.metrics import Undefined
from atlas.report import leaderboard
from atlas.report.settings import best_label, setting_rows, value_text
from atlas.report.summary import BACKBONE_DIGEST, Summary
from atlas.report.tables import final_scores

NOT_ASKED = frozenset({BACKBONE_DIGEST, "storage", "tracking_uri"})  # settings that decide no figure, or follow


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """A sweep's best setting, by the objective on val. test: the objective on test, the mean over orders; worst: of its
    orders, on val; forgetting: on test, points; tasks: each task's score on test after the last one, the mean over
    orders and seeds. None where a sweep has no such figure."""

    sweep: str
    options: dict[str, str]
    orders: int
    test: float | None
    worst: float | None
    forgetting: float | None
    tasks: dict[str, float]


def sweep_rows(summaries: Sequence[Summary]) -> list[SweepRow]:
    """The sweeps in the order that they are given in."""
    differing = _differing(summaries)
    return [_row(summary, differing) for summary in summaries]


def different_walks(summaries: Sequence[Summary]) -> bool:
    """Whether they walked other orders, or with other seeds, so that their figures are of different things."""
    walks = [
        {(trial.order, trial.seed) for trial in summary.trials if trial.status == "FINISHED"} for summary in summaries
    ]
    return any(one != walks[0] for one in walks)


def _differing(summaries: Sequence[Summary]) -> list[str]:
    names = sorted({name for summary in summaries for name in summary.settings} - NOT_ASKED)
    return [name for name in names if any(_value(one, name) != _value(summaries[0], name) for one in summaries)]


def _value(summary: Summary, name: str) -> JsonValue:
    return summary.settings.get(name)


def _row(summary: Summary, differing: Sequence[str]) -> SweepRow:
    best = best_label(summary)
    found = next((row for row in setting_rows(summary) if row.label == best), None)
    walks = [row for row in leaderboard(summary) if row.settings == best and row.rank is not None]
    forgetting = [row.forgetting for row in walks if row.forgetting is not None]
    scores: dict[str, list[float]] = {}
    for tasks in final_scores(summary, "test", "latest").get(best, {}).values():
        for task, score in tasks.items():
            scores.setdefault(task, []).append(score)
    return SweepRow(
        sweep=summary.sweep.id,
        options={name: value_text(_value(summary, name)) for name in differing},
        orders=len({row.order for row in walks}),
        test=None if found is None or isinstance(found.test, Undefined) else found.test.value,
        worst=None if found is None else found.worst,
        forgetting=float(np.mean(forgetting)) if forgetting else None,
        tasks={task: float(np.mean(values)) for task, values in scores.items()},
    )
