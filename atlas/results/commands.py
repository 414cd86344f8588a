"""The commands `atlas sweeps` and `atlas show`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas.report.summary import Summary

STORAGE = "default: $ATLAS_STORAGE or ~/atlas"


def declare_sweeps(parser: argparse.ArgumentParser) -> None:
    """Add the options of `atlas sweeps`."""
    parser.add_argument("--storage", default="", help=STORAGE)


def declare_show(parser: argparse.ArgumentParser) -> None:
    """Add the options of `atlas show`."""
    parser.add_argument(
        "sweep", nargs="+", metavar="SWEEP", help="its id, its name (the latest one), its folder or summary.json"
    )
    parser.add_argument("--all", action="store_true", help="of a name all that have ended; several stand side by side")
    parser.add_argument("--storage", default="", help=STORAGE)


def list_sweeps(given: argparse.Namespace) -> None:
    """Print a line a sweep of the storage, the latest last."""
    from atlas.results.stored import sweeps
    from atlas.runtime.console import add_columns, add_row, make_console, make_table, say, show
    from atlas.storage.options import StorageOptions

    console, found = make_console(), sweeps(given.storage)
    if not found:
        say(console, f"no sweeps in {StorageOptions(storage=given.storage).path}; `atlas sweep` lists those to run")
        return
    table = make_table()
    add_columns(table, "sweep", "started", "status", "best", fold=True)
    add_columns(table, "val", "test", justify="right")
    for one in found:
        best = ("–", "–", "–") if one.summary is None else _best(one.summary)
        add_row(table, one.id, one.started.replace("T", " "), one.status.lower(), *best)
    show(console, table)


def show_sweep(given: argparse.Namespace) -> None:
    """Print the results of a sweep as at its end, and where its page is; of several sweeps, a row each."""
    from atlas.results.stored import open, open_all
    from atlas.runtime.console import make_console, say
    from atlas.sweep.terminal import print_next, print_results

    found = [
        result
        for name in given.sweep
        for result in (open_all(name, storage=given.storage) if given.all else [open(name, storage=given.storage)])
    ]
    chosen = list({result.folder: result for result in found}.values())  # a sweep that is named twice is one
    if len(chosen) > 1:
        _show_side_by_side([result.summary for result in chosen])
        return
    console, (result,) = make_console(), chosen
    facts = result.summary.sweep
    say(console, f"{facts.question}  ({facts.id}, {facts.status.lower()}, {facts.started[:16].replace('T', ' ')})")
    print_results(console, result.summary)
    print_next(console, [("summary", str(result.folder / "summary.json")), ("page", str(result.page))])


def _show_side_by_side(summaries: Sequence[Summary]) -> None:
    from atlas.results.side_by_side import different_walks, sweep_rows
    from atlas.runtime.console import add_columns, add_row, make_console, make_table, say, show

    console, rows, table = make_console(), sweep_rows(summaries), make_table("Best settings, on test")
    options, tasks = list(rows[0].options), list(dict.fromkeys(task for row in rows for task in row.tasks))
    add_columns(table, "sweep", *options, fold=True)
    add_columns(table, "orders", "mean", "worst on val", "forgetting", *tasks, justify="right")
    for row in rows:
        figures = (row.test, row.worst, row.forgetting, *(row.tasks.get(task) for task in tasks))
        add_row(table, row.sweep, *row.options.values(), str(row.orders), *map(_shown, figures))
    show(console, table)
    if different_walks(summaries):
        say(console, "They walked other orders, or with other seeds: their figures are of different things.", wrap=True)


def _best(summary: Summary) -> tuple[str, str, str]:
    """The order and settings of the best walk, and its scores."""
    from atlas.report.settings import short_label

    row, best = summary.best_trial, summary.best
    if row is None or best is None:
        return "–", "–", "–"
    label = short_label(row.settings)
    return " > ".join(row.order) + (f"; {label}" if label else ""), _shown(best.val), _shown(best.test)


def _shown(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"
