"""Terminal output of a sweep: the plan before it, the results and the next commands after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas.metrics import Undefined
from atlas.report import (
    downstream_orders,
    paper_hypotheses,
    settings_label,
    shot_rows,
    task_rows,
    verdict_text,
)
from atlas.report.headline import headline
from atlas.report.objective import takes_subsets
from atlas.report.sections.sharing import sharing_in_words
from atlas.report.settings import best_label, is_settings_sweep
from atlas.report.summary import Summary
from atlas.runtime.console import add_columns, add_row, make_table, say, show
from atlas.runtime.text import counted, duration, first_line
from atlas.statistics import Comparison
from atlas.sweep.ranking import WIDE, figure, print_ranking

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.sweep.plan import Plan


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
    print_ranking(console, summary)
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
        add_row(table, row.name, *map(figure, values))
    show(console, table)


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
        of_tasks = f" of {', '.join(sorted(found.opd))}" if takes_subsets(summary) else ""
        say(
            console,
            f"Order matters (test, route {found.route}, {counted(found.count, 'order')}{of_tasks}{label}): a task's "
            f"final score differs by {aopd:.1f} points between its best and worst order on average (AOPD), by "
            f"{mopd:.1f} at most (MOPD, {worst}). OPD: {each}.",
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
        add_row(table, row.task, row.shots, *map(figure, (*values, row.low, row.high, *row.transfer.values())))
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
