"""The commands `atlas reproduce` and `atlas ledger`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.config.shipped import shipped_ledger
from atlas.runtime.text import counted
from atlas.storage.options import StorageOptions

if TYPE_CHECKING:
    from atlas.reproduce.recorded_run import RecordedRun

LEDGER = Path("docs/ledger.json")


def declare_reproduce(parser: argparse.ArgumentParser) -> None:
    """The arguments of `atlas reproduce`."""
    parser.set_defaults(run=_reproduce)
    parser.add_argument(
        "what",
        metavar="RUN",
        help="a sweep's id, SWEEP/TRIAL, a summary.json, or the MLflow id of a run of a sweep, a trial or a step",
    )
    parser.add_argument("--tracking-uri", default="", help="where that MLflow run is (default: as sweeps have it)")
    _add_options(parser)


def declare_ledger(parser: argparse.ArgumentParser) -> None:
    """The subcommands of `atlas ledger`."""
    commands = parser.add_subparsers(metavar="WHAT", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        made.add_argument("--ledger", type=Path, metavar="FILE", help=f"default: {LEDGER}, else the published one")
        return made

    command("list", _list, "list the entries: name, date, command")
    command("show", _show, "show an entry's figures, each with its split and route").add_argument("name")
    check = command("check", _check, "reproduce an entry and compare every score")
    check.add_argument("name", metavar="NAME")
    _add_options(check)
    add = command("add", _add, "write an entry from a finished sweep")
    add.add_argument("name", metavar="NAME")
    add.add_argument("sweep", metavar="SWEEP", help="a sweep's id, or the path of a summary.json")
    add.add_argument("--storage", default="", help="default: $ATLAS_STORAGE or ~/atlas")
    add.add_argument("--file", type=Path, help="the sweep's file, where the recorded one is not here")
    add.add_argument("--replace", action="store_true", help="renew an entry of that name")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """The options shared by a run and an entry of the ledger."""
    add = parser.add_argument
    add(
        "--storage",
        default="",
        help="where the run was recorded and its data may lie (default: $ATLAS_STORAGE or ~/atlas)",
    )
    add("--into", type=Path, metavar="DIR", help="the clean storage to run in (default: a temporary one)")
    add(
        "--tolerance",
        type=float,
        metavar="POINTS",
        help="how far a score may be off (default: 0 on the same kind of machine with the same versions, else two "
        "standard errors of a score)",
    )
    add("--report", type=Path, metavar="FILE", help="default: reproduction.json in --into, else in this folder")
    add("--file", type=Path, help="the sweep's file, where the recorded one is not here")
    add("--task", nargs="+", default=[], metavar="FILE.py:NAME", help="your own tasks, where their files have moved")
    add("--learner", default="", metavar="FILE.py:NAME", help="your own learner, where its file has moved")
    add("--source", nargs="+", default=[], metavar="TASK=FOLDER", help="published files, to prepare a task again")
    add("--dry-run", action="store_true", help="print what would be run and what differs here, and stop")
    for name, kind in (
        ("fleets", int),
        ("workers-per-fleet", int),
        ("cpus-per-worker", float),
        ("gpus-per-worker", float),
    ):
        add(f"--{name}", type=kind, metavar="N", help="as in a sweep (default: as recorded)")


def _reproduce(given: argparse.Namespace) -> None:
    from atlas.reproduce.lookup import find_run

    _run(find_run(given.what, storage=given.storage, tracking_uri=given.tracking_uri), given)


def _check(given: argparse.Namespace) -> None:
    from atlas.reproduce.ledger import find_entry
    from atlas.reproduce.lookup import recorded_from

    _run(
        recorded_from(find_entry(_ledger(given), given.name).run, None, StorageOptions(storage=given.storage).local),
        given,
    )


def _run(recorded: RecordedRun, given: argparse.Namespace) -> None:
    """Reproduce it; exits with 1 where a score is different."""
    from rich.console import Console

    from atlas.reproduce.plan import ReproduceOptions
    from atlas.reproduce.replay import ClusterOverrides
    from atlas.reproduce.reproduction import reproduce
    from atlas.runtime.console import make_console

    overrides = ClusterOverrides(
        fleets=given.fleets,
        workers_per_fleet=given.workers_per_fleet,
        cpus_per_worker=given.cpus_per_worker,
        gpus_per_worker=given.gpus_per_worker,
    )
    options = ReproduceOptions(
        file=given.file,
        tasks=tuple(given.task),
        learner=given.learner,
        source=tuple(given.source),
        overrides=overrides,
        into=given.into,
        tolerance=given.tolerance,
        report=given.report,
        dry_run=given.dry_run,
    )
    console: Console = make_console()
    if not reproduce(recorded, options, console):
        sys.exit(1)


def _ledger(given: argparse.Namespace) -> Path:
    """The ledger that is meant: as given, that of the project's folder, or the one that is shipped."""
    shipped = shipped_ledger()
    return given.ledger or (shipped if shipped.is_file() and not LEDGER.is_file() else LEDGER)


def _list(given: argparse.Namespace) -> None:
    from atlas.reproduce.ledger import read_ledger

    for name, entry in read_ledger(_ledger(given)).items():
        print(f"{name}  {(entry.date or '')[:10]}  {entry.command}")


def _show(given: argparse.Namespace) -> None:
    from atlas.reproduce.ledger import find_entry
    from atlas.runtime.console import make_console, say

    console = make_console()
    entry = find_entry(_ledger(given), given.name)
    say(console, f"{entry.command}\n{entry.date}, seeds {list(entry.seeds)}")
    for one in entry.figures:
        value = "undefined" if one.value is None else f"{one.value:.2f}"
        of = [" > ".join(one.order)] if one.order else []
        named = ("task", "way", "shots", "orders", "settings")
        of += [f"{name} {getattr(one, name)}" for name in named if getattr(one, name) is not None]
        of += [f"seeds {list(one.seeds)}"] if one.seeds is not None else []
        say(console, f"{one.figure:18} {value:>9}  {one.split}/{one.route or '-'}  {', '.join(of)}")


def _add(given: argparse.Namespace) -> None:
    from atlas.reproduce.ledger import add_entry
    from atlas.reproduce.lookup import summary_of

    path = summary_of(given.sweep, StorageOptions(storage=given.storage).local)
    ledger = given.ledger or LEDGER
    entry = add_entry(ledger, given.name, path, replace=given.replace, file=given.file)
    print(f"{given.name}: {counted(len(entry.figures), 'figure')} of `{entry.command}` → {ledger}")
