"""Terminal output of a sweep: the plan before it, the results and the next commands after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas.metrics import Undefined
from atlas.report import (
    downstream_orders,
    leaderboard,
    paper_hypotheses,
    settings_label,
    shot_rows,
    task_rows,
    verdict_text,
)
from atlas.report.headline import headline
from atlas.report.objective import AVERAGE, accuracy_error, goal_in_words, goal_of
from atlas.report.order_rows import order_rows
from atlas.report.sections.sharing import sharing_in_words
from atlas.report.settings import SettingRow, best_label, is_settings_sweep, setting_rows, short_label, value_text
from atlas.report.summary import SPLITS, Summary
from atlas.report.tables import Row
from atlas.report.ties import Gap
from atlas.runtime.console import add_columns, add_row, make_table, say, show
from atlas.runtime.text import counted, duration, first_line
from atlas.statistics import Comparison

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.sweep.plan import Plan

SHOWN = 24
WIDE = 110  # columns of a terminal from which every figure of a row has room
TIES = "±: half of the 95 % interval by the number of records; =: cannot be told apart from row 1."


def print_plan(console: Console, name: str, question: str, plan: Plan, settings: Mapping[str, str]) -> None:
    """The plan, before anything is trained."""
    about = "" if plan.exact else "about "
    share = plan.trainings / plan.distinct if plan.distinct else 1.0
    rows = {
        "question": first_line(question),
        **settings,
        "trials": f"{plan.trials}",
        **(
            {"estimated from": f"{plan.foreseen:,} of {counted(plan.trials, 'trial')}"}
            if plan.foreseen < plan.trials
            else {}
        ),
        "trainings without sharing": f"{about}{plan.trainings}",
        "distinct steps": f"{about}{plan.distinct}  (sharing saves a factor of {share:.2f})",
        "already in the store": str(plan.stored),
        "to train": f"{about}{plan.missing}",
        "estimated time": _estimate(plan),
    }
    table = make_table(f"Plan of the sweep {name}", header=False)
    for label, value in rows.items():
        add_row(table, label, value)
    show(console, table)


def _estimate(plan: Plan) -> str:
    if plan.missing == 0:
        return "nothing to train; about 20 s to gather results"
    return f"{duration(plan.seconds)}, roughly"


def print_results(console: Console, summary: Summary) -> None:
    """Every table of results, and the errors of failed trials."""
    print_answer(console, summary)
    if is_settings_sweep(summary):
        print_settings(console, summary)
    else:
        print_leaderboard(console, summary)
    print_tasks(console, summary)
    print_order_statistics(console, summary)
    print_downstream(console, summary)
    print_claims(console, summary)
    print_sharing(console, summary)
    for trial in summary.trials:
        if trial.error:
            say(console, f"trial {trial.id} failed: {trial.error}", style="red", wrap=True)


def print_answer(console: Console, summary: Summary) -> None:
    """The answer to the sweep's question in one sentence; nothing where no trial finished."""
    if answer := headline(summary):
        say(console, answer, style="bold", wrap=True)


def print_settings(console: Console, summary: Summary) -> None:
    """A line a setting, best first by val, and a column a parameter where the terminal is wide enough."""
    rows, narrow = setting_rows(summary), console.width < WIDE
    names = sorted({name for row in rows for name in row.values if len(_values(rows, name)) > 1})
    table = make_table(f"Settings: ranked by {goal_in_words(summary)}, on val; reported on test")
    add_columns(table, "", whole=True)
    add_columns(table, *(["setting"] if narrow else [name.replace("_", " ") for name in names]))
    figures = ["val", "worst", "spread", "test", *["to the best"] * (not narrow)]
    add_columns(table, *figures, justify="right", whole=True)
    for place, row in enumerate(rows[:SHOWN], start=1):
        values = [value_text(row.values[name]) if name in row.values else "–" for name in names]
        add_row(
            table,
            f"{place} =" if place > 1 and row.gap.is_tied else str(place),
            *([short_label({name: row.values[name] for name in names if name in row.values})] if narrow else values),
            _with_error(row.val.value, row.error),
            *map(_figure, (row.worst, row.spread)),
            _with_error(None if isinstance(row.test, Undefined) else row.test.value, row.test_error),
            *["" if place == 1 else str(row.gap)] * (not narrow),
        )
    show(console, table)
    _say_more(console, len(rows))
    say(
        console,
        "A setting's mean over its orders and seeds, its worst order, and the distance from its best to its worst. "
        f"{TIES} Importances and main effects are on the page.",
        style="dim",
        wrap=True,
    )


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
        name = " > ".join(row.order) + ("" if row.status == "FINISHED" else f" ({row.status})")
        trial = by_id[row.trial]
        scores = [_with_error(getattr(row, split), accuracy_error(summary, trial, split)) for split in SPLITS]
        values = [
            _figure(value) for value in (row.test_own, row.forgetting, *[row.backward, row.relative] * (not narrow))
        ]
        rank = "–" if row.rank is None else f"{row.rank} =" if _is_tied(row, gaps) else str(row.rank)
        add_row(table, rank, name, *extra, *[_figure(row.objective)] * other, *scores, *values)
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
    return _figure(value) if value is None or isinstance(error, Undefined) else f"{value:.1f} ±{error:.1f}"


def print_tasks(console: Console, summary: Summary) -> None:
    """Each task with chance and its references (test, seed means): zero-shot where there is one, heads, adapter."""
    narrow, found = console.width < WIDE, task_rows(summary)
    zero_shot = any(row.zero_shot is not None for row in found)
    table = make_table("Each task alone, and after the last task of all orders (test, %)")
    add_columns(table, "task", fold=True)
    references = ("chance", *("zero-shot",) * zero_shot, *("majority", "untrained head") * (not narrow))
    references += ("head only", "single-task")
    add_columns(table, *references, "worst order", "mean", "best", justify="right")
    for row in found:
        values = [row.chance, *(row.zero_shot,) * zero_shot, *(row.majority, row.untrained) * (not narrow)]
        values += [row.head_only, row.single_task, row.low, row.mean, row.high]
        add_row(table, row.name, *map(_figure, values))
    show(console, table)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def print_order_statistics(console: Console, summary: Summary) -> None:
    """The disparity of final scores between orders, under the best settings."""
    best = best_label(summary)
    several = is_settings_sweep(summary)
    for found in summary.orders:
        if found.split != "test" or found.mopd is None or (several and settings_label(found.settings) != best):
            continue
        worst = max(found.opd, key=lambda task: found.opd[task])
        each = ", ".join(f"{task} {found.opd[task]:.1f}" for task in summary.tasks if task in found.opd)
        label = "; under the best setting" if several else ""
        aopd, mopd = found.aopd, found.mopd
        say(
            console,
            f"Order matters (test, route {found.route}, {counted(found.count, 'order')}{label}): a task's final score "
            f"differs by {aopd:.1f} points between its best and worst order on average (AOPD), by {mopd:.1f} at most "
            f"(MOPD, {worst}). OPD: {each}.",
            wrap=True,
        )


def print_claims(console: Console, summary: Summary) -> None:
    """The paper's hypotheses, and whether they hold in this sweep."""
    for claim in paper_hypotheses(summary):
        found = claim.comparison
        told = found.reason if isinstance(found, Undefined) else _difference(found)
        say(console, f"{claim.text} (test, route {claim.route}): {verdict_text(claim)} here. {told}", wrap=True)


def _difference(found: Comparison) -> str:
    ends = "" if isinstance(found.interval, Undefined) else f" [{found.interval.low:+.1f}, {found.interval.high:+.1f}]"
    return (
        f"Difference {found.difference:+.1f}{ends} points, {counted(found.count, 'pair')}, p {found.adjusted:.2g} "
        f"(Holm)."
    )


def print_downstream(console: Console, summary: Summary) -> None:
    """Few-shot scores of unseen tasks, after the orders and from the bare backbone."""
    rows, orders = shot_rows(summary), downstream_orders(summary)
    if not rows:
        return
    table = make_table("Few-shot learning of unseen tasks, from M_0 and after the orders (test, %)")
    add_columns(table, "task", "shots")
    columns = (
        "chance",
        "head M_0",
        "exp. M_0",
        "both M_0",
        "exp.",
        "both",
        "worst order",
        "best",
        "T_LS exp.",
        "T_LS both",
    )
    add_columns(table, *columns, justify="right")
    for row in rows:
        values = (
            row.chance,
            row.head,
            row.bare["experience"],
            row.bare["both"],
            row.mean["experience"],
            row.mean["both"],
        )
        add_row(table, row.task, row.shots, *map(_figure, (*values, row.low, row.high, *row.transfer.values())))
    show(console, table)
    if not orders:  # stopped before the first order was probed
        return
    best, last = orders[0], orders[-1]
    say(
        console,
        f"By the mean validation score of unseen tasks {' > '.join(best.order)} is best (test {best.test:.1f} %), "
        f"{' > '.join(last.order)} last ({last.test:.1f} %). exp.: queries over the order's frozen adapters and a "
        "head; both: then one new adapter; T_LS: what the order adds, in percent of M_0's lead over chance.",
        style="dim",
        wrap=True,
    )


def print_sharing(console: Console, summary: Summary) -> None:
    """The trainings without sharing, and what became of them."""
    say(console, f"Sharing: {sharing_in_words(summary)}", wrap=True)


def print_next(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """The next commands: labelled paths and commands, each whole on its line."""
    for label, value in lines:
        say(console, value, label=label)


def print_errors(console: Console, summary: Summary, failure: str, errors: Sequence[str]) -> None:
    """Print the problems apart from the trials: why the sweep was given up, unreadable steps, errors at its end."""
    lines = [f"the sweep was given up: {failure}"] if failure else []
    lines += [f"not read from the store: {reason}" for reason in summary.unreadable.values()]
    for line in [*lines, *errors]:
        say(console, line, style="red")
