"""The page's head: the sweep's question, and its answer in four numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

from atlas.metrics import Undefined
from atlas.report.comparisons import order_scores
from atlas.report.formats import number
from atlas.report.headline import TO_DECIDE, headline
from atlas.report.objective import AVERAGE, DOWNSTREAM, accuracy_error, goal_of, takes_subsets
from atlas.report.settings import best_label, is_settings_sweep, setting_rows
from atlas.report.summary import Summary, SweepFacts
from atlas.report.tables import Row, settings_label
from atlas.runtime.text import counted, duration
from atlas.statistics import Mean


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number and its meaning."""

    figure: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class HeaderSection:
    """The sweep's name, backbone, learner (empty where it tried several), question, time of start and status, its
    answer, and the tiles below them.

    `decide`: the option that would tell tied rows apart.
    """

    template: ClassVar[str] = "header.html"

    id: str
    name: str
    backbone: str
    learner: str
    question: str
    answer: str
    decide: str
    started: str
    status: str
    stopped: bool
    tiles: tuple[Tile, ...]


def header_section(summary: Summary, rows: Sequence[Row]) -> HeaderSection:
    """The head of the page; `rows` is the leaderboard."""
    sweep = summary.sweep
    answer, _, decide = headline(summary).partition(TO_DECIDE)
    return HeaderSection(
        id=sweep.id,
        name=sweep.name,
        backbone=PurePath(summary.backbone).name,
        learner=_learner(summary),
        question=sweep.question,
        answer=answer,
        decide=decide,
        started=sweep.started[:16].replace("T", " "),
        status=_status(sweep),
        stopped=sweep.status not in ("FINISHED", "RUNNING"),
        tiles=(_trials(summary, rows), _best(summary, rows), _spread(summary), _saved(summary)),
    )


def _learner(summary: Summary) -> str:
    """The name of the one learner of all trials; empty where the sweep chose among several, or none was recorded."""
    if summary.best is None or any("learner" in trial.settings for trial in summary.trials):
        return ""
    return str(summary.best.learner.get("name", ""))


def _status(sweep: SweepFacts) -> str:
    """The sweep's end in words, with its budget."""
    if sweep.budget is None:
        return sweep.status.lower()
    end = "stopped by its budget" if sweep.budget.stopped else sweep.status.lower()
    return f"{end}, {sweep.budget.words} spent"


def _trials(summary: Summary, rows: Sequence[Row]) -> Tile:
    finished = sum(row.status == "FINISHED" for row in rows)
    planned = max(summary.plan.trials, len(rows))
    return Tile(figure=f"{finished} of {planned}", meaning="trials finished, counting each order and seed")


def _best(summary: Summary, rows: Sequence[Row]) -> Tile:
    """Of the best setting, where there are several, by average accuracy; else of the recorded best trial, or the first
    of the leaderboard."""
    settings = setting_rows(summary) if is_settings_sweep(summary) and goal_of(summary) == AVERAGE else []
    if settings and not isinstance(settings[0].test, Undefined):
        error = settings[0].test_error
        meaning = f"average accuracy on test of the best setting, the mean of {counted(settings[0].orders, 'order')}"
        return Tile(figure=number(settings[0].test.value, " %"), meaning=meaning + _sure(error))
    if (test := _best_order(summary)) is not None:
        meaning = f"average accuracy on test of the order chosen on val, the mean of {counted(test.count, 'seed')}"
        return Tile(figure=number(test.value, " %"), meaning=meaning)
    best = summary.best.trial if summary.best is not None else ""
    shown = next((row for row in rows if row.trial == best), next((row for row in rows if row.rank is not None), None))
    if shown is None:
        return Tile(figure=number(None), meaning="average accuracy on test of the trial chosen on val")
    if takes_subsets(summary) and shown.relative is not None and goal_of(summary) != DOWNSTREAM:
        meaning = "relative accuracy on test of the trial chosen on val: 100 is each task as good as alone"
        return Tile(figure=number(shown.relative, " %"), meaning=meaning)
    sure = _sure(accuracy_error(summary, summary.trial(shown.trial), "test"))
    return Tile(figure=number(shown.test, " %"), meaning=f"average accuracy on test of the trial chosen on val{sure}")


def _best_order(summary: Summary) -> Mean | None:
    """Average accuracy on test of the order that ranks first over several seeds; None where a trial is the answer."""
    if len(summary.seeds) < 2 or is_settings_sweep(summary) or goal_of(summary) != AVERAGE:
        return None
    label = best_label(summary)
    tests = [row.test for row in order_scores(summary) if row.settings == label]
    return tests[0] if tests and isinstance(tests[0], Mean) else None


def _sure(error: float | Undefined) -> str:
    return "" if isinstance(error, Undefined) else f" (± {error:.1f} by the number of its records)"


def _spread(summary: Summary) -> Tile:
    """Of the best setting, where there are several."""
    best = best_label(summary)
    here = [one for one in summary.orders if (one.split, one.route) == ("test", "latest")]
    found = [one.mopd for one in here if settings_label(one.settings) == best] or [one.mopd for one in here]
    meaning = "points: the most that the order alone changes one task (MOPD)"
    return Tile(figure=number(found[0] if found else None), meaning=meaning)


def _saved(summary: Summary) -> Tile:
    ledger = summary.ledger
    recorded = ledger.trainings is not None
    without = ledger.trainings if ledger.trainings is not None else summary.plan.trainings_without_sharing
    trained = ledger.trained + ledger.kept if recorded else ledger.steps_trained
    return Tile(
        figure=f"{without - trained} of {without}",
        meaning=f"trainings not needed, {duration(ledger.seconds_saved)} saved",
    )
