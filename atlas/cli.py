"""The command line `atlas`: run sweeps, see their results, prepare tasks, look after a storage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import atlas
from atlas.completion import SHELLS, completion_script
from atlas.config.shipped import copy_sweep, find_sweep, question_of, shipped_sweeps
from atlas.config.training import TrainingOptions
from atlas.maintenance import commands as upkeep
from atlas.maintenance import control
from atlas.reproduce import commands as again
from atlas.results import commands as results
from atlas.runtime.arguments import ArgumentParser
from atlas.runtime.console import add_columns, add_row, make_console, make_table, say, shell, show
from atlas.runtime.errors import UserError, refuse_empty, unknown
from atlas.runtime.exits import exits_by_errors
from atlas.runtime.paths import not_a_file, writing_to
from atlas.runtime.text import by_number, counted
from atlas.storage.filesystem import StoragePath
from atlas.storage.options import StorageOptions

if TYPE_CHECKING:
    from rich.console import Console

    from atlas.data.prepared import Prepared

RUN_ONE = """run one:   atlas sweep NAME [OPTION …]; its options: atlas sweep NAME --help
your own:  atlas sweep --copy NAME FILE.py, change the copy, then atlas sweep FILE.py"""
SUMMARY = "summary.json"
ELSEWHERE = "name another folder by --into"
NAMED = 3  # broken records a split that are printed


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Exits with 2 for bad input, with 3 where something that it needs is out of reach."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with exits_by_errors():
        refuse_empty(arguments)
        if arguments[:1] == ["sweep"] and len(arguments) > 1 and not arguments[1].startswith("-"):
            _run_sweep(arguments[1], arguments[2:])
        elif arguments[:1] == ["doctor"]:
            _doctor(arguments[1:])
        else:
            given = _parser().parse_args(arguments)
            given.run(given)


class _ShowVersion(argparse.Action):
    """Prints the version, which is looked up when it is asked for alone, and ends the process."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        print(f"atlas {atlas.__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = ArgumentParser(prog="atlas", description=__doc__)
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version of this package and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    sweep = command("sweep", _sweep, "list the shipped sweeps, or run one: atlas sweep NAME_OR_FILE [OPTION …]")
    sweep.epilog, sweep.formatter_class = RUN_ONE, argparse.RawDescriptionHelpFormatter
    sweep.add_argument("--copy", nargs=2, metavar=("NAME", "FILE"), help="copy a shipped sweep, to be changed")
    results.declare_sweeps(command("sweeps", results.list_sweeps, "list the sweeps of a storage: when, status, best"))
    results.declare_show(command("show", results.show_sweep, "print the results of a sweep that has ended"))
    control.declare(command("control", control.control, "pause, steer or end a running sweep from another terminal"))
    tasks = command("tasks", _tasks, "list the tasks: what they are, and which are prepared")
    prepare = command("prepare", _prepare, "decode, resize and tokenise tasks once, for one backbone")
    report = command("report", _report, "draw a sweep's page and figures again, from the storage or from MLflow")
    for made in (tasks, prepare, report):
        made.add_argument("--storage", default="", help="default: $ATLAS_STORAGE or ~/atlas")
    for made in (tasks, prepare):
        made.add_argument("--backbone", default=TrainingOptions.backbone, help="default: %(default)s")
        made.add_argument("--tokens", type=int, metavar="N", help="tokens of a text (default: as the backbone takes)")
    tasks.add_argument("tasks", nargs="*", metavar="TASK", help="tell all about these")
    _declare_prepare(prepare)
    _declare_report(report)
    commands.add_parser("doctor", help="check a cluster for a sweep with these options: atlas doctor [OPTION …]")
    store = "list, verify, export and collect the steps of a storage"
    upkeep.declare(commands.add_parser("store", help=store, description=store))
    rerun = "run a recorded sweep or trial again in a clean storage, and compare every score"
    again.declare_reproduce(commands.add_parser("reproduce", help=rerun, description=rerun))
    ledger = "the published figures: list them, check them again, add a finished sweep's"
    again.declare_ledger(commands.add_parser("ledger", help=ledger, description=ledger))
    completion = command("completion", _completion, "print the script by which a shell completes `atlas`")
    completion.add_argument("shell", choices=SHELLS, help='for bash: eval "$(atlas completion bash)"')
    return parser


def _declare_prepare(prepare: argparse.ArgumentParser) -> None:
    prepare.add_argument("tasks", nargs="+", metavar="TASK", help="a name, or your own as FILE.py:NAME")
    where = "where the task's published files lie; TASK=FOLDER … for several tasks. Remembered once it is prepared"
    prepare.add_argument("--source", nargs="+", default=[], metavar="FOLDER", help=where)
    tied = "that may have two choices of the same tokens"
    for option, share, which in (("--most-broken", 0.01, "that may be broken"), ("--most-tied", 0.1, tied)):
        of = f"of a split's records {which} (default: %(default)s)"
        prepare.add_argument(option, type=float, default=share, metavar="SHARE", help=of)
    prepare.add_argument("--same-files", action="store_true", help="take source files that are the same to the byte")
    prepare.add_argument("--again", action="store_true", help="prepare anew what is there, from where it came")
    prepare.add_argument("--ray", action="store_true", help="let Ray Data do the work, however little it is")


def _declare_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("sweep", metavar="SWEEP", help="a sweep's id, or the path of a summary.json")
    report.add_argument(
        "--alpha", action="store_true", help="add the best trial's combination weights (runs its model)"
    )
    report.add_argument("--learner", default="", metavar="FILE.py:NAME", help="your own, for --alpha")
    report.add_argument("--tracking-uri", default="", help="take the summary from MLflow; SWEEP may be a run's id then")
    report.add_argument(
        "--into",
        default="",
        metavar="FOLDER",
        help="of the page (default: the sweep's own; ./SWEEP where that is MLflow's or read-only)",
    )


def _run_sweep(word: str, arguments: Sequence[str]) -> None:
    """Run a shipped sweep by its name, or a file by its path."""
    from atlas.config.invocation import called_by_name
    from atlas.sweep.file import run_sweep_file

    file, name = find_sweep(word)
    with called_by_name(name):
        run_sweep_file(file, arguments)


def _sweep(given: argparse.Namespace) -> None:
    console = make_console()
    if given.copy is not None:
        name, target = given.copy
        copy_sweep(name, Path(target))
        return say(console, f"{target} is yours to change; run it with: {shell('atlas', 'sweep', target)}")
    table = make_table()
    add_columns(table, "sweep", "its question", fold=True)
    for name, file in shipped_sweeps().items():
        add_row(table, name, question_of(file))
    show(console, table)
    return say(console, RUN_ONE)


def _doctor(arguments: Sequence[str]) -> None:
    from atlas.maintenance.doctor import main as examine

    examine(arguments)


def _completion(given: argparse.Namespace) -> None:
    print(completion_script(_parser(), given.shell))


def _tasks(given: argparse.Namespace) -> None:
    from atlas.backbones import locate
    from atlas.backbones.processor import Processor
    from atlas.data.listing import page_of, table_of
    from atlas.tasks import TASKS, find_task

    place = StorageOptions(storage=given.storage).data
    chosen = [find_task(name) for name in given.tasks]
    processor = Processor.cut_to(locate(given.backbone), given.tokens)
    console = make_console()
    if not chosen:
        show(console, table_of(TASKS, processor=processor, place=place))
    for task in chosen:
        say(console, page_of(task, processor=processor, place=place))


def _prepare(given: argparse.Namespace) -> None:
    from atlas.backbones import locate
    from atlas.backbones.processor import Processor
    from atlas.config.addresses import named_sources
    from atlas.data.cache import obtain
    from atlas.data.prepare import PrepareOptions
    from atlas.data.progress_bar import ProgressBar
    from atlas.tasks import find_task

    console = make_console()
    tasks = [find_task(name) for name in given.tasks]
    sources = named_sources([task.name for task in tasks], given.source)
    prepare_options = PrepareOptions(
        most_broken=given.most_broken,
        most_tied=given.most_tied,
        strict=True,
        same_files=given.same_files,
        again=given.again,
        ray=True if given.ray else None,
    )
    processor = Processor.cut_to(locate(given.backbone), given.tokens)
    place = StorageOptions(storage=given.storage).data
    for task in tasks:
        with ProgressBar(console, task.name) as progress_bar:
            with_progress = replace(prepare_options, progress=progress_bar)
            prepared = obtain(
                task, processor=processor, place=place, source=sources.get(task.name), prepare_options=with_progress
            )
        _say(console, prepared)


def _say(console: Console, prepared: Prepared) -> None:
    """Print the counts of a prepared task, whether it was there, and the records that were left out."""
    from atlas.data.listing import counts_of
    from atlas.tasks import SPLITS

    lines = [f"{prepared.task}: {counts_of(prepared)} → {prepared.path}"]
    if not prepared.made:
        source = f", from {prepared.card.source}" if prepared.card.source else ""
        lines.append(f"  already prepared{source}; --again prepares it anew")
        if prepared.card.changed is None:
            lines.append(
                "  by an earlier release, which took pictures as they lie: unturned, transparent ones on black"
            )
    lines += [f"  {warning}" for warning in prepared.card.warnings()]
    for split in SPLITS:
        if rules := prepared.card.skipped_by_rule(split):
            lines.append(f"  left out of {split} by rule: {rules}")
        if changes := prepared.card.changed_pictures(split):
            lines.append(f"  pictures of {split}: {changes}")
        entry = prepared.card.broken.get(split)
        if entry is not None and entry.count:
            of, are = counted(entry.of, "record"), by_number(entry.count, "is", "are")
            lines.append(f"  {entry.count:,} of {of} of {split} {are} broken and left out, e.g.")
            lines += [f"    {one.where}: {one.reason}" for one in entry.first[:NAMED]]
            lines.append(f"    all of them: {prepared.path / 'broken.jsonl'}")
    say(console, "\n".join(lines))


def _report(given: argparse.Namespace) -> None:
    from atlas.report import read_summary, write_report, write_summary

    storage = StorageOptions(storage=given.storage).path
    kept = _logged(given) if given.tracking_uri else _kept(given.sweep, storage)
    summary = read_summary(kept.local / SUMMARY)
    folder = _page_folder(kept, given.into, summary.sweep.id)
    if given.alpha:
        upkeep.load_learner(given)
        from atlas.sweep.fusion_weights import sweep_fusion_weights

        summary = summary.model_copy(update={"alpha": sweep_fusion_weights(summary, storage)})
    with writing_to(folder.local, ELSEWHERE):
        if given.alpha:
            write_summary(summary, folder.local / SUMMARY)
        print(write_report(summary, folder.local)[0])
    folder.upload()


def _page_folder(kept: StoragePath, into: str, sweep: str) -> StoragePath:
    """The folder of the page: beside the summary, unless another is named or that one may only be read."""
    if not into and (kept.is_remote or os.access(kept.local, os.W_OK)):
        return kept
    return _made_folder(into or sweep)


def _made_folder(name: str) -> StoragePath:
    folder = StoragePath.at(Path(name))
    with writing_to(folder.local, ELSEWHERE):
        folder.local.mkdir(parents=True, exist_ok=True)
    return folder


def _kept(sweep: str, storage: StoragePath) -> StoragePath:
    """The folder of a sweep in the storage, or of a summary's path, with its summary on this machine."""
    from atlas.sweep.folder import SweepFolder

    if sweep.endswith(".json") and Path(sweep).name != SUMMARY:
        raise UserError(f"{sweep} is not named {SUMMARY}, as a sweep's is; name it so, in a folder of its own.")
    folder = StoragePath.at(Path(sweep).parent) if sweep.endswith(".json") else storage / "sweeps" / sweep
    if not_a_file(folder.download(only=(SUMMARY,)) / SUMMARY):
        raise unknown("sweep", sweep, [one.id for one in SweepFolder.all(storage) if one.has(SUMMARY)])
    return folder


def _logged(given: argparse.Namespace) -> StoragePath:
    """A folder of its own, with the summary that MLflow has of a sweep, by its id or by a run's."""
    from atlas.tracking import check_tracking, fetch_of_sweep, is_run_id, logged_run, signed_in, sweep_run

    address = signed_in(given.tracking_uri)
    check_tracking(address)
    run = logged_run(address, given.sweep) if is_run_id(given.sweep) else sweep_run(address, given.sweep)
    folder = _made_folder(given.into or run.sweep)
    fetch_of_sweep(address, run, "summary.json", folder.local)
    return folder


if __name__ == "__main__":
    main()
