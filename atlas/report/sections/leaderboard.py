"""The leaderboard: every trial, and with several seeds every order with intervals over its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from atlas.metrics import METRICS, Metric, OrderMetrics
from atlas.report.comparisons import order_scores
from atlas.report.formats import MISSING, interval, number, with_error
from atlas.report.headline import how_to_decide
from atlas.report.infeasible import infeasible_lines
from atlas.report.marks import order_mark, settings_mark, trial_marks
from atlas.report.objective import AVERAGE, DOWNSTREAM, accuracy_error, goal_in_words, goal_of, subsets_in_words
from atlas.report.order_rows import order_rows
from atlas.report.settings import is_settings_sweep
from atlas.report.summary import Summary
from atlas.report.tables import Row, ranked_metrics
from atlas.report.ties import Gap
from atlas.report.views import ROWS_SHOWN, Cell, Table, columns, metric_cell, number_cell

HEADINGS = ("Test", "Test, own route")  # average accuracy, as on val
SPEED = "Updates to 90 %"
Gaps = Mapping[tuple[str, ...], Gap]


@dataclass(frozen=True, kw_only=True)
class LeaderboardSection:
    """`trials`: a row a trial. `orders`: a row an order, where there are several seeds.

    `joint`: whether intransigence compares with joint models, rather than with each task alone. `walks`: it lists the
    walks of a sweep whose settings have a table of their own. `decide`: the option that would tell tied orders apart.
    `infeasible`: the trials that miss a constraint, a line each. `subsets`: what the numbers are of, where orders take
    different tasks.
    """

    template: ClassVar[str] = "leaderboard.html"

    trials: Table
    orders: Table | None
    joint: bool
    goal: str
    walks: bool
    decide: str
    infeasible: tuple[str, ...]
    subsets: str


def leaderboard_section(summary: Summary, rows: Sequence[Row]) -> LeaderboardSection:
    """The leaderboard of `rows`, in their order."""
    seeds, walks = len(summary.seeds) > 1, is_settings_sweep(summary)
    gaps = {} if walks else {row.order: row.gap for row in order_rows(summary)}
    return LeaderboardSection(
        trials=_trials(summary, rows, gaps, seeds=seeds),
        orders=_orders(summary, gaps) if seeds else None,
        joint=bool(summary.joint),
        goal=goal_in_words(summary),
        walks=walks,
        decide=how_to_decide(summary) if any(found.is_tied for found in list(gaps.values())[1:]) else "",
        infeasible=tuple(infeasible_lines(summary)),
        subsets=subsets_in_words(summary),
    )


def leaderboard_metrics(summary: Summary) -> list[Metric]:
    """The registry's metrics of the leaderboard, without average accuracy, which has columns of its own.

    Of the two intransigences it is that to joint models where the sweep trained any, else that to each task alone.
    """
    left_out = {"average_accuracy", "intransigence_to_lone" if summary.joint else "intransigence"}
    return [metric for metric in METRICS.values() if "leaderboard" in metric.shown and metric.name not in left_out]


def _trials(summary: Summary, rows: Sequence[Row], gaps: Gaps, *, seeds: bool) -> Table:
    settings, shown = any(row.settings for row in rows), leaderboard_metrics(summary)
    other, beside = goal_of(summary) != AVERAGE, bool(gaps) and not seeds
    headings = ["", "Order of the tasks", *["Settings"] * settings, *["Seed"] * seeds, *["Objective ↓"] * other]
    headings += ["Val" if other else "Val ↓", *HEADINGS, *["To the best"] * beside]
    headings += [*(metric.title for metric in shown), SPEED]
    by_id, mark_of = {trial.id: trial for trial in summary.trials}, trial_marks(summary)
    return Table(
        columns=columns(*headings, left=(1, 2) if settings else (1,)),
        rows=tuple(
            (
                MISSING if row.rank is None else str(row.rank),
                Cell(order=row.order, badge=row.state, title=row.infeasible),
                *[row.settings] * settings,
                *[str(row.seed)] * seeds,
                *[number(row.objective)] * other,
                with_error(row.val, accuracy_error(summary, by_id[row.trial], "val")),
                with_error(row.test, accuracy_error(summary, by_id[row.trial], "test")),
                number(row.test_own),
                *[_gap(row.order, gaps, best=row.rank == 1)] * beside,
                *_metrics(shown, ranked_metrics(summary, by_id[row.trial], "test")),
                number_cell(row.speed, why=row.undefined["speed"]),
            )
            for row in rows
        ),
        best=bool(rows) and rows[0].rank is not None,
        limit=ROWS_SHOWN,
        marks=tuple(mark_of(by_id[row.trial]) for row in rows),
    )


def _metrics(shown: Sequence[Metric], found: OrderMetrics) -> Iterator[Cell | str]:
    for metric in shown:
        name = f"latest/{metric.name}"
        yield metric_cell(metric, found[name], why=found.undefined.get(name, ""))


def _gap(order: tuple[str, ...], gaps: Gaps, *, best: bool) -> str:
    """The distance of an order to the best, and whether it could be 0."""
    if best:
        return "best"
    found = gaps.get(order)
    return MISSING if found is None else f"{found}{', tied' if found.is_tied else ''}"


def _orders(summary: Summary, gaps: Gaps) -> Table:
    """Every order: the mean over its seeds with its interval."""
    rows = order_scores(summary)
    settings = any(row.settings for row in rows)
    other = goal_of(summary) not in (AVERAGE, DOWNSTREAM)
    headings = ["", "Order of the tasks", *["Settings"] * settings, "Seeds", *["Objective ↓"] * other]
    headings += ["Val" if other else "Val ↓", "Test", "Forgetting"]
    headings += ["To the best"] * bool(gaps)
    return Table(
        columns=columns(*headings, left=(1, 2) if settings else (1,)),
        rows=tuple(
            (
                str(rank),
                Cell(order=row.order),
                *[row.settings] * settings,
                str(row.seeds),
                *(interval(mean) for mean in (*[row.objective] * other, row.val, row.test, row.forgetting)),
                *[_gap(row.order, gaps, best=rank == 1)] * bool(gaps),
            )
            for rank, row in enumerate(rows, start=1)
        ),
        best=True,
        limit=ROWS_SHOWN,
        marks=tuple(settings_mark(row.settings) if settings else order_mark(row.order) for row in rows),
    )
