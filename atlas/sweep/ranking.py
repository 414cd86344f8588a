"""Terminal tables that rank: the settings of a sweep of settings, else its orders over several seeds, or its walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas.metrics import Undefined
from atlas.report import leaderboard
from atlas.report.comparisons import order_scores
from atlas.report.formats import interval
from atlas.report.infeasible import infeasible_lines
from atlas.report.objective import AVERAGE, accuracy_error, goal_in_words, goal_of, subsets_in_words
from atlas.report.order_rows import order_rows
from atlas.report.settings import (
    SettingRow,
    aim_in_words,
    aim_of,
    is_settings_sweep,
    setting_rows,
    short_label,
    value_text,
)
from atlas.report.summary import SPLITS, Summary
from atlas.report.tables import Row
from atlas.report.ties import Gap
from atlas.runtime.console import add_columns, add_row, make_table, say, show
from atlas.runtime.text import counted
from atlas.statistics import Interval, share_of

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 24
WIDE = 110  # columns of a terminal from which every figure of a row has room
TIES = "±: half of the 95 % interval by the number of records; =: cannot be told apart from row 1."


def print_ranking(console: Console, summary: Summary) -> None:
    """The ranking that answers the sweep: of settings, of orders over their seeds, or of walks."""
    if is_settings_sweep(summary):
        print_settings(console, summary)
    elif len(summary.seeds) > 1 and not any(trial.settings for trial in summary.trials):
        print_orders(console, summary)
    else:
        print_leaderboard(console, summary)
    if words := subsets_in_words(summary):
        say(console, words, wrap=True)
    _say_infeasible(console, summary)


def print_orders(console: Console, summary: Summary) -> None:
    """A line an order, the mean over its seeds, best first by the objective on val; the test split is reported."""
    rows, figures = order_rows(summary), {row.order: row for row in order_scores(summary)}
    other, narrow = goal_of(summary) != AVERAGE, console.width < WIDE
    table = make_table(f"Orders: ranked by {goal_in_words(summary)}, on val; reported on test")
    add_columns(table, "", whole=True)
    add_columns(table, "order", fold=True)
    add_columns(table, "seeds", *["objective"] * other, "val A", "A", "forgetting", justify="right", whole=True)
    add_columns(table, *["to the best"] * (not narrow), justify="right", whole=True)
    for place, row in enumerate(rows[:SHOWN], start=1):
        found = figures[row.order]
        add_row(
            table,
            f"{place} =" if place > 1 and row.gap.is_tied else str(place),
            " > ".join(row.order),
            str(row.seeds),
            *[figure(row.score)] * other,
            *map(interval, (found.val, found.test, found.forgetting)),
            *["" if place == 1 else str(row.gap)] * (not narrow),
        )
    show(console, table)
    _say_more(console, len(rows))
    _say_unfinished(console, summary)
    say(
        console,
        "An order's mean over its seeds; A: average accuracy after the last task, route latest (one evolving model). "
        "±: half of the 95 % interval over seeds, of which two are shown as they are; =: cannot be told apart from row "
        "1. Each walk is on the page.",
        style="dim",
        wrap=True,
    )


def _share_in_words(summary: Summary) -> str:
    """What a quantile over orders is, where the sweep aims at one."""
    share = share_of(aim_of(summary))
    return "" if share is None else f"what {100 - round(100 * share)} % of orders reach ({aim_of(summary)}), "


def _say_unfinished(console: Console, summary: Summary) -> None:
    left = sorted(trial.status for trial in summary.trials if trial.status != "FINISHED")
    if left:
        how = ", ".join(dict.fromkeys(left)).lower()
        say(console, f"{counted(len(left), 'walk')} left out, which did not come to the end ({how})")


def _say_infeasible(console: Console, summary: Summary) -> None:
    """The trials that miss a constraint, a line each."""
    for line in infeasible_lines(summary)[:SHOWN]:
        say(console, f"not ranked: {line}", wrap=True)


def print_settings(console: Console, summary: Summary) -> None:
    """A line a setting, best first by val, and a column a parameter where the terminal is wide enough."""
    rows, narrow = setting_rows(summary), console.width < WIDE
    names = sorted({name for row in rows for name in row.values if len(_values(rows, name)) > 1})
    by = ", ".join(filter(None, (goal_in_words(summary), aim_in_words(summary))))
    table = make_table(f"Settings: ranked by {by}, on val; reported on test")
    add_columns(table, "", whole=True)
    add_columns(table, *(["setting"] if narrow else [name.replace("_", " ") for name in names]))
    aim, quantile = aim_of(summary), any(row.sure is not None for row in rows)
    figures = ["val", *[aim] * quantile, "worst", "spread", "test", *["to the best"] * (not narrow)]
    add_columns(table, *figures, justify="right", whole=True)
    for place, row in enumerate(rows[:SHOWN], start=1):
        values = [value_text(row.values[name]) if name in row.values else "–" for name in names]
        add_row(
            table,
            f"{place} =" if place > 1 and row.gap.is_tied else str(place),
            *([short_label({name: row.values[name] for name in names if name in row.values})] if narrow else values),
            _with_error(row.val.value, row.error),
            *[_with_interval(row)] * quantile,
            *map(figure, (row.worst, row.spread)),
            _with_error(None if isinstance(row.test, Undefined) else row.test.value, row.test_error),
            *["" if place == 1 else str(row.gap)] * (not narrow),
        )
    show(console, table)
    _say_more(console, len(rows))
    say(
        console,
        f"A setting's mean over its orders and seeds, {_share_in_words(summary)}its worst order, and the distance from "
        f"its best to its worst. {TIES} Importances and main effects are on the page.",
        style="dim",
        wrap=True,
    )


def _with_interval(row: SettingRow) -> str:
    """A quantile over orders, with its interval where there are orders enough."""
    sure = row.sure
    return figure(row.score) + (f" [{sure.low:.1f}, {sure.high:.1f}]" if isinstance(sure, Interval) else "")


def _values(rows: Sequence[SettingRow], name: str) -> set[str]:
    return {value_text(row.values[name]) if name in row.values else "" for row in rows}


def print_leaderboard(console: Console, summary: Summary) -> None:
    """A line a walk, best first by the objective on the validation split; the test split is reported."""
    rows, by_id = leaderboard(summary), {trial.id: trial for trial in summary.trials}
    gaps = {row.order: row.gap for row in order_rows(summary)}
    seeds, tuned = len(summary.seeds) > 1, any(row.settings for row in rows)
    other = goal_of(summary) != AVERAGE
    table = make_table(f"Leaderboard: ranked by {goal_in_words(summary)}, on val; reported on test")
    narrow = console.width < WIDE
    add_columns(table, "", whole=True)
    add_columns(table, "order", *["settings"] * tuned, *["seed"] * seeds, fold=True)
    figures = ["val A", "A", "A own", "forgetting", *["BWT", "relative"] * (not narrow)]
    add_columns(table, *["objective"] * other, *figures, justify="right", whole=True)
    for row in rows[:SHOWN]:
        extra = [row.settings] * tuned + [str(row.seed)] * seeds
        name = " > ".join(row.order) + (f" ({row.state if row.infeasible else row.status})" if row.state else "")
        trial = by_id[row.trial]
        scores = [_with_error(getattr(row, split), accuracy_error(summary, trial, split)) for split in SPLITS]
        values = [
            figure(value) for value in (row.test_own, row.forgetting, *[row.backward, row.relative] * (not narrow))
        ]
        rank = "–" if row.rank is None else f"{row.rank} =" if _is_tied(row, gaps) else str(row.rank)
        add_row(table, rank, name, *extra, *[figure(row.objective)] * other, *scores, *values)
    show(console, table)
    _say_more(console, len(rows))
    say(
        console,
        "A: average accuracy after the last task, route latest (one evolving model); A own: each task with the "
        "adapters it was trained with; BWT: backward transfer; relative: accuracy over that of single-task adapters. "
        f"{TIES}",
        style="dim",
        wrap=True,
    )


def _is_tied(row: Row, gaps: Mapping[tuple[str, ...], Gap]) -> bool:
    """Whether the order of a row that is not the first cannot be told apart from the best one."""
    found = gaps.get(row.order)
    return row.rank is not None and row.rank > 1 and found is not None and found.is_tied


def _say_more(console: Console, count: int) -> None:
    if count > SHOWN:
        say(console, f"… and {count - SHOWN} more in summary.json")


def _with_error(value: float | None, error: float | Undefined) -> str:
    return figure(value) if value is None or isinstance(error, Undefined) else f"{value:.1f} ±{error:.1f}"


def figure(value: float | None) -> str:
    """A score as the tables show it."""
    return "–" if value is None else f"{value:.1f}"
